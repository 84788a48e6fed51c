"""The routes for operators, and the document that describes all routes and events."""

from pathlib import Path

from quart import Blueprint, Response

from conf.version import version
from web import metrics
from web.services import Services

OPENAPI = Path(__file__).parent.parent / "openapi.json"


def blueprint(services: Services) -> Blueprint:
    """Return the routes `/health`, `/ready`, `/metrics` and `/openapi.json`."""
    operations = Blueprint("operations", __name__)
    openapi = OPENAPI.read_bytes()

    @operations.get("/health")
    async def health() -> dict[str, object]:
        return {"alive": True, "version": version()}

    @operations.get("/ready")
    async def ready() -> tuple[dict[str, object], int]:
        problems = services.problems()
        return {"ready": not problems, "problems": problems}, 503 if problems else 200

    @operations.get("/metrics")
    async def text() -> Response:
        return Response(services.metrics.text(), content_type=metrics.MIME_TYPE)

    @operations.get("/openapi.json")
    async def describe() -> Response:
        return Response(openapi, content_type="application/json")

    return operations
