"""The status of a flow's process over HTTP: `/metrics`, `/health` and `/ready`.

A thread answers, so it also answers while Bytewax waits for the broker or for another process.
"""

import json
import socket
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from conf.version import version
from dataflows.context import FlowContext
from dataflows.process import fail

REQUEST_SECONDS = 5


def serve(context: FlowContext) -> None:
    """Serve the status on `flows.metrics_port`, plus the index of this process in its cluster.

    Port 0 serves nothing.

    Raises:
        FlowFailed: The address is bad, or the port is taken.
    """
    flows = context.settings.flows
    if not flows.metrics_port:
        return
    address = flows.metrics_host, flows.metrics_port + context.cluster.process
    try:
        server = _Server(address, context)
    except (OSError, OverflowError) as error:
        where = "{}:{}".format(*address)
        fail(f"settings flows.metrics_host and flows.metrics_port: {where}: {error}", error)
    threading.Thread(target=server.serve_forever, name="status", daemon=True).start()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], context: FlowContext) -> None:
        self.context = context
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        super().__init__(address, _Request)


class _Request(BaseHTTPRequestHandler):
    """One request; a client that is slower than five seconds is cut off."""

    timeout = REQUEST_SECONDS
    server: _Server

    def do_GET(self) -> None:
        """Answer."""
        context, path = self.server.context, self.path.partition("?")[0]
        if path == "/metrics":
            self._answer(generate_latest(), content_type=CONTENT_TYPE_LATEST)
        elif path == "/health":
            is_alive = context.watchdog.is_alive()
            self._answer_json({"alive": is_alive, "version": version()}, is_well=is_alive)
        elif path == "/ready":
            problems = context.problems()
            self._answer_json({"ready": not problems, "problems": problems}, is_well=not problems)
        else:
            self.send_error(HTTPStatus.NOT_FOUND)

    def _answer_json(self, body: dict[str, object], *, is_well: bool) -> None:
        status = HTTPStatus.OK if is_well else HTTPStatus.SERVICE_UNAVAILABLE
        self._answer(json.dumps(body).encode(), status, "application/json")

    def _answer(
        self,
        body: bytes,
        status: HTTPStatus = HTTPStatus.OK,
        content_type: str = "text/plain",
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name
        """Log no requests: a probe comes every few seconds."""
