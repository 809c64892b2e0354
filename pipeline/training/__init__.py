"""Stage 2: features, model families, bake-off, calibration and the one writer of MLflow runs."""
