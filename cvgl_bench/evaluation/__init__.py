"""The one evaluation: embed, rank, locate, score."""
