"""One HTML file that shows runs: where they find queries and where they do not, offline and on a phone."""
