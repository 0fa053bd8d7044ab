"""From results to what people read: comparisons, curves, leaderboards and pages."""
