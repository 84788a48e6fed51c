"""A stand-in for a Schema Registry: the routes that confluent-kafka's client needs, in memory.

It checks nothing of a schema, and knows no compatibility. Source of the routes:
https://docs.confluent.io/platform/current/schema-registry/develop/api.html
"""

import contextlib
import json
import threading
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

from local.claims import ports

Answer = tuple[int, Any]


class StandInRegistry:
    """One that may go away, come back at the same address, and be slow or refuse."""

    def __init__(self) -> None:
        (self.port,) = ports(0)
        self.url = f"http://127.0.0.1:{self.port}"
        self.schemas: list[dict[str, Any]] = []  # the number of each is its place, from 1
        self.asked: list[str] = []
        self.refusal: Answer | None = None  # of every request
        self.authorization: str | None = None  # the header of the last request
        self.open = threading.Event()  # while it is not set no request is answered
        self.open.set()
        self._server: ThreadingHTTPServer | None = None

    def start(self) -> None:
        """Answer requests from now on."""
        registry = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                length = int(self.headers.get("Content-Length", 0))
                body = json.loads(self.rfile.read(length)) if length else {}
                registry.authorization = self.headers.get("Authorization")
                registry.open.wait(10)
                status, document = registry.answer(self.command, self.path, body)
                sent = json.dumps(document).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(sent)))
                self.end_headers()
                with contextlib.suppress(OSError):  # the client has given up
                    self.wfile.write(sent)

            do_GET = do_POST = answer  # noqa: N815 - as the server calls them

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        """Refuse connections from now on."""
        self.open.set()
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def answer(self, method: str, path: str, body: dict[str, Any]) -> Answer:
        """Return the status and the document of an answer."""
        self.asked.append(path)
        parts = [unquote(part) for part in urlsplit(path).path.strip("/").split("/")]
        status, found = self.refusal or self._route(method, parts, body)
        if "format=serialized" in path and "serialized" in found:
            return status, {**found, "schema": found["serialized"]}
        return status, found

    def _route(  # noqa: PLR0911 - one for each route
        self, method: str, parts: list[str], body: dict[str, Any]
    ) -> Answer:
        if parts == ["schemas", "types"]:
            return 200, ["AVRO", "JSON", "PROTOBUF"]
        match parts:
            case ["schemas", "ids", number]:
                return self._find(lambda each: each["id"] == int(number))
            case ["schemas", "guids", guid]:
                return self._find(lambda each: each["guid"] == guid)
            case ["subjects", subject, "versions"] if method == "POST":
                return 200, self._add(subject, body)
            case ["subjects", subject] if method == "POST":
                own = body["schema"]
                return self._find(lambda each: (each["subject"], each["schema"]) == (subject, own))
            case ["subjects", subject, "versions", version]:
                own = [each for each in self.schemas if each["subject"] == subject]
                found = own[-1:] if version == "latest" else own[int(version) - 1 :][:1]
                return self._find(found.__contains__)
        return 404, {"error_code": 404, "message": "HTTP 404 Not Found"}

    def _find(self, is_it: Any) -> Answer:
        for each in filter(is_it, self.schemas):
            return 200, each
        return 404, {"error_code": 40403, "message": "Schema not found"}

    def _add(self, subject: str, schema: dict[str, Any]) -> dict[str, Any]:
        for each in self.schemas:
            if (each["subject"], each["schema"]) == (subject, schema["schema"]):
                return each
        number = len(self.schemas) + 1
        version = 1 + sum(each["subject"] == subject for each in self.schemas)
        named = {"id": number, "guid": str(uuid.uuid5(uuid.NAMESPACE_URL, str(number)))}
        self.schemas.append({**schema, **named, "subject": subject, "version": version})
        return self.schemas[-1]


@contextlib.contextmanager
def stand_in_registry() -> Iterator[StandInRegistry]:
    """Run a stand-in for the length of the block."""
    registry = StandInRegistry()
    registry.start()
    try:
        yield registry
    finally:
        registry.stop()
