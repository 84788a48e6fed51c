"""A Redis server that keeps nothing, and a connection to it, as far as sorted sets need it.

Source: https://redis.io/docs/latest/develop/reference/protocol-spec/
"""

import socket
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from local import children
from local.claims import eventually

START_SECONDS = 10
ANSWER_SECONDS = 60
STOP_SECONDS = 10


@contextmanager
def running(server: str) -> Iterator["Redis"]:
    """Run a Redis on a socket of its own, for the length of the block.

    Raises:
        TimeoutError: It does not start within 10 s, or does not answer within 60 s.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "redis")
        options = ["--port", "0", "--unixsocket", path, "--save", "", "--dir", folder]
        process = children.start([server, *options], stdout=subprocess.DEVNULL)
        try:
            with closing(Redis(path)) as redis:
                yield redis
        finally:
            children.stop(process, STOP_SECONDS)


class Redis:
    """A connection to Redis."""

    def __init__(self, path: str) -> None:
        if not eventually(Path(path).exists, START_SECONDS):
            msg = f"Redis has not started within {START_SECONDS} s"
            raise TimeoutError(msg)
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(ANSWER_SECONDS)
        self._socket.connect(path)
        self._file = self._socket.makefile("rb")

    def close(self) -> None:
        """Close it."""
        self._file.close()
        self._socket.close()

    def ask(self, *words: bytes) -> Any:  # noqa: ANN401 - what Redis returns
        """Send a command, and return its answer."""
        return self.ask_all([words])[0]

    def ask_all(self, commands: Iterable[tuple[bytes, ...]]) -> list[Any]:
        """Send commands at once, and return their answers."""
        sent = [b"*%d\r\n%b" % (len(words), b"".join(map(_bulk, words))) for words in commands]
        self._socket.sendall(b"".join(sent))
        return [self._answer() for _ in sent]

    def facts(self, section: bytes) -> dict[str, str]:
        """Return what it says about itself in a section."""
        lines = self.ask(b"INFO", section).decode().splitlines()
        return dict(line.split(":", 1) for line in lines if ":" in line)

    def _answer(self) -> Any:  # noqa: ANN401
        line = self._file.readline()
        kind, text = line[:1], line[1:-2]
        if kind == b"$":
            return None if text == b"-1" else self._file.read(int(text) + 2)[:-2]
        if kind == b"*":
            return [self._answer() for _ in range(int(text))]
        if kind == b"-":
            raise RuntimeError(text.decode())
        return text


def _bulk(word: bytes) -> bytes:
    return b"$%d\r\n%b\r\n" % (len(word), word)
