"""Tools around data sets: verify, describe, draw, fetch, build and plan."""
