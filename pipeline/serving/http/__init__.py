"""The HTTP API: machines ask for the same decisions as the form, by the same scorer, recorded in the same log."""

from typing import Final

PROJECT_VARIABLE: Final = "RISKDECK_SERVE_PROJECT"
"""How the verb ``serve`` tells its worker processes which project is theirs."""
COUNTS_VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"
"""Where worker processes put their counts, so that any of them can answer for all; unset in a single process."""
