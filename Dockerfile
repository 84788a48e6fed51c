# One image for all parts; the command chooses one, such as `python -m dataflows highscores`.
# Each answers /health, /ready and /metrics on port 8000.
FROM python:3.12-slim AS build
RUN pip install --no-cache-dir uv==0.13.9
WORKDIR /app
COPY pyproject.toml uv.lock ./
RUN uv sync --locked --no-dev --compile-bytecode

FROM python:3.12-slim
WORKDIR /app
COPY --from=build /app/.venv .venv
COPY pyproject.toml LICENSE ./
COPY conf conf
COPY local local
COPY dataflows dataflows
COPY web web
ENV PATH=/app/.venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    LEADERBOARD_WEB__HOST=0.0.0.0 \
    LEADERBOARD_WEB__PORT=8000 \
    LEADERBOARD_FLOWS__METRICS_HOST=0.0.0.0 \
    LEADERBOARD_FLOWS__METRICS_PORT=8000
USER 10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=6 \
    CMD ["python", "-c", "import urllib.request as u; u.build_opener(u.ProxyHandler({})).open('http://127.0.0.1:8000/health', timeout=4)"]
CMD ["python", "-m", "web"]
