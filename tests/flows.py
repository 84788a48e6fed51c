"""Real processes for tests: both flows, started, watched, signalled, and always cleaned up."""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from confluent_kafka import Consumer, Producer, TopicPartition

from conf import clients
from conf.settings import Settings
from local.claims import ports
from tests import oracle
from tests.until import until_true

DRAIN_SECONDS = 60


class Flow:
    """The processes of one flow: one, or a cluster."""

    def __init__(self, name: str, names: Mapping[str, str], *arguments: str, processes: int = 1):
        self.name = name
        self._log = tempfile.NamedTemporaryFile(prefix=f"{name}-", suffix=".log")  # noqa: SIM115
        command = [sys.executable, "-m", "bytewax.run", f"dataflows.{name}", "-s", "1", *arguments]
        cluster = _cluster(processes)
        self.processes = [
            subprocess.Popen(
                [*command, *each],
                env={**os.environ, **names},
                stdout=self._log,
                stderr=subprocess.STDOUT,
            )
            for each in cluster
        ]

    def send(self, number: signal.Signals) -> None:
        """Send a signal to all processes."""
        for process in self.processes:
            process.send_signal(number)

    def wait(self, seconds: float = 10) -> list[int]:
        """Wait for the end of all processes and give their statuses."""
        return [process.wait(seconds) for process in self.processes]

    def stop(self, number: signal.Signals = signal.SIGTERM) -> list[int]:
        """End it cleanly, within five seconds."""
        self.send(number)
        return self.wait(5)

    def kill(self) -> None:
        """End it at once."""
        self.send(signal.SIGKILL)
        self.wait()

    def said(self) -> str:
        """Give all that it has printed."""
        return Path(self._log.name).read_text(errors="replace")

    def close(self) -> None:
        """End what still runs, and show what was said where the test has failed."""
        for process in self.processes:
            if process.poll() is None:
                process.kill()
                process.wait()
        if sys.exc_info()[0] is not None:
            print(f"--- {self.name}", self.said()[-4_000:], sep="\n")
        self._log.close()


def _cluster(processes: int) -> Sequence[Sequence[str]]:
    if processes == 1:
        return [[]]
    addresses = ";".join(f"127.0.0.1:{port}" for port in ports(*[0] * processes))
    return [["-i", str(each), "-a", addresses] for each in range(processes)]


@contextlib.contextmanager
def running(
    names: Mapping[str, str], *arguments: str, processes: int = 1
) -> Iterator[tuple[Flow, Flow]]:
    """Run both flows for the length of the block, `highscores` with these arguments."""
    with contextlib.ExitStack() as stack:
        highscores = Flow("highscores", names, *arguments, processes=processes)
        stack.callback(highscores.close)
        top5 = Flow("top5", names)
        stack.callback(top5.close)
        yield highscores, top5


class Game:
    """The topics of a test: what is sent to them and what stands there."""

    def __init__(self, settings: Settings):
        self.settings = settings
        self._producer = Producer(clients.producer(settings))

    def name(self, kind: str) -> str:
        """Give the name of a topic by its kind."""
        return str(getattr(self.settings.topics, kind).name)

    def send(self, *messages: tuple[str | bytes | None, bytes | None], timestamp: int = 0) -> None:
        """Send users and values to `scores`, made now or then; wait until the broker has them."""
        for key, value in messages:
            self._producer.produce(self.name("scores"), value, key, timestamp=timestamp)
        assert self._producer.flush(30) == 0

    def read(self, kind: str) -> list[oracle.Seen]:
        """Read a topic whole."""
        return oracle.read(self.settings.bootstrap_servers, self.name(kind))

    def end(self, kind: str) -> int:
        """Give the end of the first partition of a topic."""
        consumer = Consumer(clients.consumer(self.settings))
        try:
            where = TopicPartition(self.name(kind), 0)
            return int(consumer.get_watermark_offsets(where, 30)[1])
        finally:
            consumer.close()

    def lag(self) -> int:
        """Count the scores that no committed position has passed."""
        consumer = Consumer(clients.consumer(self.settings))
        try:
            name = self.name("scores")
            asked = [
                TopicPartition(name, each)
                for each in consumer.list_topics(name, 10).topics[name].partitions
            ]
            return sum(
                consumer.get_watermark_offsets(each, 10)[1] - max(each.offset, 0)
                for each in consumer.committed(asked, 30)
            )
        finally:
            consumer.close()

    def drain(self, out: str = "json", seconds: float = DRAIN_SECONDS) -> None:
        """Wait until everything is counted and the board is the one of the last score."""
        until_true(lambda: self.lag() == 0, seconds)
        until_true(lambda: self._is_level(out), seconds)

    def _is_level(self, out: str) -> bool:
        boards = self.read("top_5")
        expected = oracle.final(self.read("high_scores"), out)
        return bool(boards) and oracle.shown(boards[-1].value or b"") == expected
