"""Stage 5: the scorer and its reasons, counter-offers, batches, the decision log and the HTTP API."""
