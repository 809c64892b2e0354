"""Stage 1 of the lifecycle: read, simulate, check, snapshot and split the loans that everything else learns from."""
