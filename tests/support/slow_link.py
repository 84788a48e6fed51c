"""A link to a broker that can be slow or cut: a TCP proxy that counts the bytes of answers."""

import contextlib
import socket
import threading
import time


class SlowLink:
    """Listens on a free port of this machine and forwards to another one.

    While it is cut, connections stay open and carry nothing; what was sent arrives later.
    """

    def __init__(self, target, seconds=0):
        self.seconds = seconds  # for each answer
        self.answered_bytes = 0
        self._target = target
        self._whole = threading.Event()
        self._whole.set()
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        """Accept no more connections; open ones end with their clients."""
        self._server.close()

    def cut(self):
        """Carry nothing until `mend`."""
        self._whole.clear()

    def mend(self):
        """Go on."""
        self._whole.set()

    def _accept(self):
        with contextlib.suppress(OSError):  # closed
            while True:
                client, _ = self._server.accept()
                self._whole.wait()
                try:
                    broker = socket.create_connection(("127.0.0.1", self._target))
                except ConnectionRefusedError:
                    client.close()
                    continue
                for source, sink, delay in ((client, broker, False), (broker, client, True)):
                    arguments = (source, sink, delay)
                    threading.Thread(target=self._forward, args=arguments, daemon=True).start()

    def _forward(self, source, sink, delay):
        with contextlib.suppress(OSError), source, sink:
            while received := source.recv(2**16):
                self._whole.wait()
                if delay:
                    self.answered_bytes += len(received)
                    time.sleep(self.seconds)
                sink.sendall(received)
