"""Data sets as cards, layouts that read them from disk, splits, variants, and loading their images."""
