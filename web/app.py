"""The app: its routes, the checks before them, and the headers of every response."""

from collections.abc import Callable
from functools import partial

from quart import Quart, Response, has_request_context, jsonify, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from conf.loading import load
from conf.settings import Settings, Web
from web import routes
from web.access import cors, requests
from web.access.origin import served_hosts
from web.routes import answers, ranks
from web.routes.asked import UserConverter
from web.services import make_services
from web.shared_metrics import Worker

BODY_SECONDS = 10  # for the body of a request to arrive
BROKEN = {400, 408, 413, 414, 431, 505}  # statuses after which the next request cannot be located

SOURCES = (  # of what the page may load; who may frame it is a setting
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors "
)
HEADERS = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


def create_app(
    settings: Settings | None = None,
    *,
    on_unavailable: Callable[[Exception], object] = lambda _: None,
    worker: Worker | None = None,
) -> Quart:
    """Make the app for any ASGI server; its topic readers start with the server.

    Args:
        settings: None: loaded.
        on_unavailable: Called on the event loop, and again at each retry, when a topic was not
            there in time or is set up wrongly. The log has the error.
        worker: Which of the processes that share a port; its number is in the metrics.
    """
    settings = settings or load()
    app = Quart(__name__, static_folder=None)
    app.url_map.merge_slashes = False  # by a redirect, to the host of the request
    app.url_map.converters["user"] = UserConverter
    services = make_services(settings, on_unavailable, worker)
    web = settings.web
    body_max_bytes = max(services.rules.body_max_bytes, ranks.BODY_MAX)
    app.config.update(MAX_CONTENT_LENGTH=body_max_bytes, BODY_TIMEOUT=BODY_SECONDS)
    app.extensions["leaderboard"] = services
    for blueprint in routes.blueprints(services):
        app.register_blueprint(blueprint)
    hosts = served_hosts(web.host, web.hosts, web.trusted_proxies)
    app.asgi_app = requests.with_target(app.asgi_app)  # type: ignore[method-assign,assignment]
    app.before_request(partial(requests.check, hosts, services.asking.asked_host))
    app.before_serving(services.start)
    app.after_serving(services.stop)
    policy = SOURCES + (" ".join(web.frame_ancestors) or "'none'")
    app.after_request(partial(_add_headers, web, policy))
    app.register_error_handler(HTTPException, _explain)
    return app


async def _add_headers(web: Web, policy: str, response: Response) -> Response:
    origin = request.headers.get("Origin", "")
    response.headers.update({**HEADERS, "Content-Security-Policy": policy})
    allowed = cors.allowed(request.path, web.cors_origins, web.post_origins)
    response.headers.update(cors.headers(request.path, request.method, origin, allowed))
    return response


def _is_page() -> bool:
    """Return whether somebody reads the answer in a browser."""
    return has_request_context() and "text/html" in request.headers.get("Accept", "")


async def _explain(error: HTTPException) -> Response:
    """Answer with the error, a browser as text and a program as JSON.

    A websocket is refused here too, and is no request.
    """
    text = error.description or error.name
    response = Response(text, mimetype="text/plain") if _is_page() else jsonify({"error": text})
    answers.mark(response, error.code or 500)
    if isinstance(error, MethodNotAllowed):
        response.headers["Allow"] = ", ".join(error.valid_methods or ())
    if error.code in BROKEN and has_request_context() and request.http_version != "2":
        response.headers["Connection"] = "close"
    return response
