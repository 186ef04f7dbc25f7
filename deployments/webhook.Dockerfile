# The intake of events by itself: `pratique webhook`. Build it from the repository's root:
#   docker build -f deployments/webhook.Dockerfile -t pratique-webhook .
# It needs settings at /etc/pratique/pratique.toml, and a folder for mirrors at /var/lib/pratique that user 10001 may write.
FROM docker.io/library/python:3.13-slim AS build
COPY --from=ghcr.io/astral-sh/uv:0.9 /uv /usr/local/bin/uv
WORKDIR /src
COPY pyproject.toml uv.lock README.md LICENSE ./
ENV UV_PROJECT_ENVIRONMENT=/opt/pratique UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never
RUN uv sync --frozen --no-dev --extra postgresql --no-install-project
COPY pratique pratique
COPY flows flows
COPY tasks tasks
RUN uv sync --frozen --no-dev --extra postgresql --no-editable

FROM docker.io/library/python:3.13-slim
RUN apt-get update \
 && apt-get install --yes --no-install-recommends git openssh-client \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 10001 --create-home --home-dir /var/lib/pratique pratique
COPY --from=build /opt/pratique /opt/pratique
ENV PATH=/opt/pratique/bin:$PATH PRATIQUE_CONFIG=/etc/pratique/pratique.toml PYTHONUNBUFFERED=1
USER 10001
WORKDIR /var/lib/pratique
EXPOSE 8008
HEALTHCHECK --interval=10s --timeout=3s CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8008/healthz', timeout=2)"]
ENTRYPOINT ["pratique", "webhook", "--host", "0.0.0.0", "--port", "8008"]
