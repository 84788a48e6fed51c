"""The route of the document that describes all routes and events, for people and for generators."""

from pathlib import Path

from quart import Blueprint, Response

DOCUMENT = Path(__file__).with_name("openapi.json")


def routes() -> Blueprint:
    """Give the route `/openapi.json`."""
    openapi = Blueprint("openapi", __name__)
    document = DOCUMENT.read_bytes()

    @openapi.get("/openapi.json")
    async def describe() -> Response:
        return Response(document, content_type="application/json")

    return openapi
