"""A probe at the port of a Bytewax cluster that is still forming ends the process.

    python probed_cluster.py

Starts the first of two processes, connects to its port, closes the connection, and prints how the
process ends. A process that nobody probes waits for the second one.
"""

import socket
import subprocess
import sys
import time
from pathlib import Path

import bytewax.operators as op
from bytewax.connectors.stdio import StdOutSink
from bytewax.dataflow import Dataflow
from bytewax.testing import TestingSource

SECONDS = 10

flow = Dataflow("probed")
op.output("out", op.input("in", flow, TestingSource([1])), StdOutSink())


def free_ports() -> list[int]:
    """Return two free ports."""
    with (
        socket.create_server(("127.0.0.1", 0)) as one,
        socket.create_server(("127.0.0.1", 0)) as two,
    ):
        return [each.getsockname()[1] for each in (one, two)]


def probe(port: int) -> bool:
    """Connect and close, as a TCP health check does; return whether somebody listened."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def main() -> None:
    """Probe a process, and print how it ends."""
    ports = free_ports()
    addresses = ";".join(f"127.0.0.1:{port}" for port in ports)
    command = ["-m", "bytewax.run", Path(__file__).stem, "-i", "0", "-a", addresses]
    folder = Path(__file__).parent
    process = subprocess.Popen([sys.executable, *command], cwd=folder)  # noqa: S603 - this file
    try:
        deadline = time.monotonic() + SECONDS
        while not probe(ports[0]) and time.monotonic() < deadline:
            time.sleep(0.05)
        print(f"the probed process ended with status {process.wait(SECONDS)}")
    except subprocess.TimeoutExpired:
        print(f"the probed process still waits after {SECONDS} s")
    finally:
        process.kill()
        process.wait()


if __name__ == "__main__":
    main()
