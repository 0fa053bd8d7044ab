"""From embeddings to per-query outcomes, exactly and in blocks."""
