"""The routes for those who run the app, and the document that describes all routes and events."""

from pathlib import Path

from quart import Blueprint, Response

from web import metrics
from web.services import Services

OPENAPI = Path(__file__).parent.parent / "openapi.json"


def routes(services: Services) -> Blueprint:
    """Give the routes `/health`, `/ready`, `/metrics` and `/openapi.json`."""
    status = Blueprint("status", __name__)
    openapi = OPENAPI.read_bytes()

    @status.get("/health")
    async def health() -> dict[str, bool]:
        return {"alive": True}

    @status.get("/ready")
    async def ready() -> tuple[dict[str, object], int]:
        problems = services.problems()
        return {"ready": not problems, "problems": problems}, 503 if problems else 200

    @status.get("/metrics")
    async def text() -> Response:
        return Response(services.metrics.text(), content_type=metrics.MIME_TYPE)

    @status.get("/openapi.json")
    async def describe() -> Response:
        return Response(openapi, content_type="application/json")

    return status
