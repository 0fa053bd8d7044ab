"""Embeddings of images: making them, keeping them on disk, and what tells them apart."""
