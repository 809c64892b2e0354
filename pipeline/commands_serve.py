"""The verb ``serve``: the HTTP API, in one process or several."""


def serve(name: str | None, host: str, port: int, workers: int) -> int:
    """Serve one project until told to stop."""
    raise NotImplementedError
