"""The routes for those who run the app."""

from quart import Blueprint, Response

from web import metrics
from web.parts import Parts


def routes(parts: Parts) -> Blueprint:
    """Give the routes `/health`, `/ready` and `/metrics`."""
    status = Blueprint("status", __name__)

    @status.get("/health")
    async def health() -> dict[str, bool]:
        return {"alive": True}

    @status.get("/ready")
    async def ready() -> tuple[dict[str, object], int]:
        problems = parts.problems()
        return {"ready": not problems, "problems": problems}, 503 if problems else 200

    @status.get("/metrics")
    async def text() -> Response:
        return Response(parts.metrics.text(), content_type=metrics.MIME_TYPE)

    return status
