"""From results to what people read: comparisons, curves and leaderboards."""
