"""A slow link to a broker: a TCP proxy that delays every answer, and counts their bytes."""

import contextlib
import socket
import threading
import time


class SlowLink:
    """Listens on a free port of this machine and forwards to another one."""

    def __init__(self, target, seconds):
        self.seconds = seconds  # for each answer
        self.answered_bytes = 0
        self._target = target
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        """Accept no more connections; open ones end with their clients."""
        self._server.close()

    def _accept(self):
        with contextlib.suppress(OSError):  # closed
            while True:
                client, _ = self._server.accept()
                broker = socket.create_connection(("127.0.0.1", self._target))
                for source, sink, delay in ((client, broker, False), (broker, client, True)):
                    arguments = (source, sink, delay)
                    threading.Thread(target=self._forward, args=arguments, daemon=True).start()

    def _forward(self, source, sink, delay):
        with contextlib.suppress(OSError), source, sink:
            while received := source.recv(2**16):
                if delay:
                    self.answered_bytes += len(received)
                    time.sleep(self.seconds)
                sink.sendall(received)
