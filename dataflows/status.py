"""The status of a flow's process over HTTP: `/metrics`, `/health` and `/ready`.

A thread answers, so it also answers while Bytewax waits for the broker or for another process.
"""

import argparse
import json
import os
import socket
import threading
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from conf.version import version
from dataflows.context import FlowContext
from dataflows.process import fail

REQUEST_SECONDS = 5


def serve(context: FlowContext, arguments: Sequence[str]) -> None:
    """Serve the status on `flows.metrics_port`, plus the index of this process in its cluster.

    `arguments` are those of `bytewax.run`. Port 0 serves nothing.

    Raises:
        FlowFailed: The address is bad, or the port is taken.
    """
    flows = context.settings.flows
    if not flows.metrics_port:
        return
    address = flows.metrics_host, flows.metrics_port + process_index(arguments, os.environ)
    try:
        server = _Server(address, context)
    except (OSError, OverflowError) as error:
        where = "{}:{}".format(*address)
        fail(f"settings flows.metrics_host and flows.metrics_port: {where}: {error}", error)
    threading.Thread(target=server.serve_forever, name="status", daemon=True).start()


def process_index(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Return the index of this process in its cluster, as `bytewax.run` finds it."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("-i", "--process-id", type=int)
    given = parser.parse_known_args(arguments)[0].process_id
    pod = environment.get("BYTEWAX_POD_NAME", "").rpartition("-")[2]
    return int(environment.get("BYTEWAX_PROCESS_ID") or pod or 0) if given is None else int(given)


def process_count(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Return how many processes the cluster of this one has, as `bytewax.run` finds it."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("-a", "--addresses", default=environment.get("BYTEWAX_ADDRESSES", ""))
    addresses: str = parser.parse_known_args(arguments)[0].addresses
    return addresses.count(";") + 1


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
