"""Backbones and their weights, checkpoints, losses, and the memory that they take."""
