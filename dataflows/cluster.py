"""The cluster that a process of a flow belongs to, as `bytewax.run` finds it."""

import argparse
import logging
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

log = logging.getLogger(__name__)

INDEX, HOSTS = "BYTEWAX_PROCESS_ID", "BYTEWAX_HOSTFILE_PATH"
POD, STATEFUL_SET = "BYTEWAX_POD_NAME", "BYTEWAX_STATEFULSET_NAME"  # of Bytewax's Helm chart
START_SECONDS = 5.0
REPEAT_SECONDS = 60.0


class Cluster(NamedTuple):
    """This process, and the addresses of all: none where it is alone."""

    process: int = 0  # its index
    addresses: Sequence[str] = ()

    @property
    def others(self) -> str:
        """The addresses of the other processes, with commas between."""
        return ", ".join(
            address for number, address in enumerate(self.addresses) if number != self.process
        )

    @property
    def waiting(self) -> str:
        """What is said until all processes have met: which one is missing, nobody can ask."""
        return f"waiting for other processes of the cluster, one or more of: {self.others}"


ALONE = Cluster()


def find_cluster(arguments: Sequence[str], environment: Mapping[str, str]) -> Cluster:
    """Return the cluster of this process from the arguments of `bytewax.run`.

    Source: bytewax, `run.py`, `_parse_args`
    """
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("-i", "--process-id", type=int, default=environment.get(INDEX))
    parser.add_argument("-a", "--addresses", default=environment.get("BYTEWAX_ADDRESSES"))
    given = parser.parse_known_args(arguments)[0]
    index, addresses = given.process_id, given.addresses
    if index is None and POD in environment and STATEFUL_SET in environment:
        index = int(environment[POD].replace(f"{environment[STATEFUL_SET]}-", ""))
    if index is not None and addresses is None and HOSTS in environment:
        lines = Path(environment[HOSTS]).read_text("utf-8").splitlines()
        addresses = ";".join(filter(None, map(str.strip, lines)))
    return Cluster(index or 0, addresses.split(";") if addresses else ())


def report_waiting(cluster: Cluster, is_complete: threading.Event) -> None:
    """Log, after five seconds and then each minute, that the other processes are awaited.

    Bytewax waits for them without a word, and without an end. Which one is missing cannot be asked:
    a connection that says nothing would end it.
    """
    if cluster.others:
        arguments = cluster, is_complete
        threading.Thread(target=_report, args=arguments, name="cluster", daemon=True).start()


def _report(cluster: Cluster, is_complete: threading.Event) -> None:
    seconds = START_SECONDS
    while not is_complete.wait(seconds):
        log.info("%s", cluster.waiting)
        seconds = REPEAT_SECONDS
