"""What the harness itself offers, through the same hooks as every plugin."""
