# The digest fixes the bytes (an index for amd64 and arm64); the tag tells people which Python it is. Move both together.
FROM python:3.11.15-slim-bookworm@sha256:b18992999dbe963a45a8a4da40ac2b1975be1a776d939d098c647482bcad5cba AS build
COPY requirements.txt /build/
# --no-deps: the lock is complete, and pip would look again for packages that others ask for by an extra (pandas[parquet]).
RUN python -m venv /opt/venv \
    && /opt/venv/bin/pip install --no-cache-dir --disable-pip-version-check \
       --require-hashes --no-deps --only-binary=:all: -r /build/requirements.txt \
    && /opt/venv/bin/pip check

FROM python:3.11.15-slim-bookworm@sha256:b18992999dbe963a45a8a4da40ac2b1975be1a776d939d098c647482bcad5cba AS runtime
# libgomp1: LightGBM's OpenMP runtime, absent from slim images. No version pin: Debian removes superseded ones from its archive.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends libgomp1 \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 riskdeck \
    && useradd --uid 10001 --gid 10001 --home-dir /data --create-home --shell /usr/sbin/nologin riskdeck
COPY --from=build /opt/venv /opt/venv
WORKDIR /app
# The lock goes along because every run records its hash.
COPY pyproject.toml requirements.txt ./
COPY .streamlit .streamlit
COPY pipeline pipeline
COPY dashboard dashboard
# GIT_PYTHON_REFRESH: there is no git in the image, and MLflow must not complain about it on every start.
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONPATH=/app \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    RISKDECK_HOME=/data \
    GIT_PYTHON_REFRESH=quiet \
    MLFLOW_DISABLE_TELEMETRY=true \
    DO_NOT_TRACK=true
USER 10001:10001
VOLUME /data
EXPOSE 8501
# The body is checked and not only the status: Streamlit answers 200 with its page for any path it does not know.
# This sees a server that is down, hung or still starting. It cannot see a page that fails when opened, an empty store or
# an unreachable MLflow server: the Overview page and its lights tell those.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import http.client, sys; c = http.client.HTTPConnection('127.0.0.1', 8501, timeout=4); c.request('GET', '/_stcore/health'); r = c.getresponse(); sys.exit(r.status != 200 or r.read() != b'ok')"]
# The shipped configuration binds to loopback, which inside a container nobody can reach.
CMD ["python", "-m", "streamlit", "run", "dashboard/server.py", "--server.address=0.0.0.0"]
