"""What Prometheus is told: requests, latencies, decisions, refused inputs, errors and batch sizes; labels stay few."""

import os
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.multiprocess import MultiProcessCollector

from pipeline.serving.http import COUNTS_VARIABLE

OTHER: Final = "(other)"
"""Stands for every address or field that is not ours: strangers must not make up label values."""
_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_ROWS: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)


class Metrics:
    """The counters of one application, in a registry of their own."""

    content_type: Final = CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self.requests = Counter("riskdeck_http_requests", "Requests answered", ("route", "status"), registry=registry)
        self.seconds = Histogram(
            "riskdeck_http_request_seconds", "Time from request to answer", ("route",), registry=registry, buckets=_SECONDS
        )
        self.decisions = Counter("riskdeck_decisions", "Decisions recorded", ("outcome", "model_version"), registry=registry)
        self.repeated = Counter("riskdeck_decisions_repeated", "Answers given again for an idempotency key", registry=registry)
        self.refused = Counter("riskdeck_refused_inputs", "Faults found in inputs", ("field",), registry=registry)
        self.errors = Counter("riskdeck_errors", "Requests that could not be answered", ("kind",), registry=registry)
        self.batch_rows = Histogram("riskdeck_batch_rows", "Applicants scored together", registry=registry, buckets=_ROWS)

    def text(self) -> bytes:
        """Return the counts of this process, or of all workers, as Prometheus reads them."""
        if COUNTS_VARIABLE not in os.environ:
            return generate_latest(self._registry)
        together = CollectorRegistry()
        MultiProcessCollector(together)  # type: ignore[no-untyped-call]  # published without a type
        return generate_latest(together)
