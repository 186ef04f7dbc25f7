# The intake of events by itself: `pratique webhook`. Build it from the repository's root:
#   docker build --file deployments/webhook.Dockerfile --tag pratique-webhook:0.1.0 .
# It needs settings at /etc/pratique/pratique.toml, and a folder for mirrors at /var/lib/pratique that user 10001 may write.
# Of deployments/Dockerfile, which compose.yaml runs it from, it leaves out what only workers and servers need.
FROM python:3.11.13-slim-bookworm AS built
ENV UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never PYTHONDONTWRITEBYTECODE=1
RUN pip install --no-cache-dir uv==0.13.9
WORKDIR /app
COPY pyproject.toml uv.lock ./
RUN uv sync --frozen --no-dev --extra postgresql --no-install-project
COPY README.md LICENSE ./
COPY pratique pratique
COPY flows flows
COPY tasks tasks
COPY policies policies
RUN uv sync --frozen --no-dev --extra postgresql --no-editable --compile-bytecode

FROM python:3.11.13-slim-bookworm
RUN apt-get update \
 && apt-get install --yes --no-install-recommends ca-certificates git openssh-client \
 && rm -rf /var/lib/apt/lists/*
RUN groupadd --gid 10001 pratique \
 && useradd --uid 10001 --gid pratique --no-log-init --create-home --home-dir /var/lib/pratique pratique
COPY --from=built /app/.venv /app/.venv
ENV PATH=/app/.venv/bin:$PATH \
    PRATIQUE_CONFIG=/etc/pratique/pratique.toml \
    PYTHONUNBUFFERED=1
USER 10001:10001
WORKDIR /var/lib/pratique
EXPOSE 8008
HEALTHCHECK --interval=10s --timeout=3s CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8008/healthz', timeout=2)"]
ENTRYPOINT ["pratique", "webhook", "--host", "0.0.0.0", "--port", "8008"]
