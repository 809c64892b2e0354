"""Benchmarks: each measures Riskdeck against the plain alternative in one run, on data it makes or is given."""
