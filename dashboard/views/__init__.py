"""One script per page: load, compute, draw. Each answers one question."""
