"""A run: from request to folder to record, and the sweep that repeats one on spoilt queries."""
