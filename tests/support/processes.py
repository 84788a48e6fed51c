"""Real processes of flows for tests, which always end with the test."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions  # type: ignore[attr-defined]

from conf import clients
from conf.loading import load
from conf.settings import Settings
from dataflows.kafka.consumer import retry
from dataflows.kafka.topics import await_topics
from local.claims import ports
from tests.support import oracle
from tests.support.crowding import crowding
from tests.support.until import until_true

DRAIN_SECONDS = 60


class Flow:
    """The processes of one flow: one, or a cluster.

    `halt` is a moment of `tests.support.halting`, its number and signal: "committing 2 SIGKILL".
    """

    def __init__(
        self,
        name: str,
        names: Mapping[str, str],
        *arguments: str,
        processes: int = 1,
        halt: str = "",
    ):
        self.name = name
        self._log = tempfile.NamedTemporaryFile(prefix=f"{name}-", suffix=".log")  # noqa: SIM115
        module = "tests.support.halting" if halt else f"dataflows.{name}"
        command = ["bytewax.run", module, "-s", "1", *arguments]
        self.processes = [
            subprocess.Popen(
                [sys.executable, "-m", *command, *each],
                env={**os.environ, **names, "HALT": f"{halt} {name}"},
                stdout=self._log,
                stderr=subprocess.STDOUT,
            )
            for each in _cluster(processes)
        ]

    def send(self, number: signal.Signals) -> None:
        """Send a signal to all processes."""
        for process in self.processes:
            process.send_signal(number)

    def wait(self, seconds: float = 10) -> list[int]:
        """Wait for the end of all processes, longer on a busy machine; return their statuses."""
        return [process.wait(seconds * crowding()) for process in self.processes]

    def await_pause(self, seconds: float = 30) -> None:
        """Wait until the (first) process has stopped by SIGSTOP; see `is_paused`."""
        until_true(self.is_paused, seconds)

    def is_paused(self) -> bool:
        """Return whether the (first) process has stopped by SIGSTOP; it is an error if it ends."""
        seen = os.waitid(
            os.P_PID,
            self.processes[0].pid,
            os.WSTOPPED | os.WEXITED | os.WNOHANG | os.WNOWAIT,
        )
        assert seen is None or seen.si_code == os.CLD_STOPPED, self.said()
        return seen is not None

    def resume(self) -> None:
        """Continue a paused flow."""
        self.send(signal.SIGCONT)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> list[int]:
        """End it cleanly, within five seconds."""
        self.send(number)
        return self.wait(5)

    def kill(self) -> None:
        """End it at once."""
        self.send(signal.SIGKILL)
        self.wait()

    def said(self) -> str:
        """Return everything that it has printed."""
        return Path(self._log.name).read_text(errors="replace")

    def restored(self) -> int:
        """Count the shards that are restored."""
        return sum(map(int, re.findall(r"restored \d+ users of (\d+) shards", self.said())))

    def close(self) -> None:
        """End all processes, and print their last lines if the test has failed."""
        for process in self.processes:
            if process.poll() is None:
                process.kill()
                process.wait()
        if sys.exc_info()[0] is not None:
            lines = [line for line in self.said().splitlines() if not line.startswith("%")]
            print(f"--- {self.name}", *lines[-40:], sep="\n")
        self._log.close()


def load_with(names: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Set these variables until the test ends, and return the settings."""
    for name, value in names.items():
        monkeypatch.setenv(name, value)
    return load()


def open_game(names: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> "Game":
    """Set these variables until the test ends, create the topics, and return their game."""
    settings = load_with(names, monkeypatch)
    await_topics(settings)
    return Game(settings)


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
    """The topics of a test: sends and reads their messages."""

    def __init__(self, settings: Settings):
        self.settings = settings
        self._producer = Producer(clients.producer(settings))
        self._consumer = Consumer(clients.consumer(settings))

    def close(self) -> None:
        """Close the consumer."""
        self._consumer.close()

    def name(self, kind: str) -> str:
        """Return the name of a topic by its kind."""
        return self.settings.topics.of(kind).name

    def send(
        self,
        *messages: tuple[str | bytes | None, bytes | None],
        timestamp: int = 0,
        partition: int = -1,
        to: str = "scores",
        headers: dict[str, str | bytes | None] | None = None,
    ) -> None:
        """Send users and values to a topic; wait until the broker has them."""
        for key, value in messages:
            self._producer.produce(
                self.name(to),
                value,
                key,
                partition=partition,
                timestamp=timestamp,
                headers=headers,
            )
        assert self._producer.flush(70) == 0  # longer than a delivery may take

    def play(self, played: Iterable[tuple[str | bytes | None, bytes | None, int]]) -> None:
        """Send users and values, each made at its time in ms; wait until the broker has them."""
        for user, value, made in played:
            self._producer.produce(self.name("scores"), value, user, timestamp=made)
            self._producer.poll(0)
        assert self._producer.flush(70) == 0

    def read(
        self, kind: str, isolation: str = "read_committed", start: int = OFFSET_BEGINNING
    ) -> list[oracle.Seen]:
        """Read a topic whole, or each partition from an offset on."""
        address, name = self.settings.bootstrap_servers, self.name(kind)
        return oracle.read(address, name, isolation, start, self.settings.kafka)

    def lag(self) -> int:
        """Count the scores that no committed position has passed."""
        return self.behind(self.bounds("scores"))

    def behind(self, bounds: list[tuple[int, int]]) -> int:
        """Count the scores within these bounds, of an earlier moment, that are not committed."""
        return sum(
            max(0, end - max(low, each.offset))
            for each, (low, end) in zip(self.committed(), bounds, strict=True)
        )

    def drain(self, out: str = "json", seconds: float = DRAIN_SECONDS) -> None:
        """Wait until everything is counted and the board is the one of the last score."""
        until_true(lambda: self.lag() == 0, seconds)
        until_true(lambda: self._is_level(out), seconds)

    def grow(self, kind: str, partitions: int) -> None:
        """Add partitions to a topic, and wait until the broker shows them."""
        name, admin = self.name(kind), AdminClient(clients.client(self.settings))
        admin.create_partitions([NewPartitions(name, partitions)])[name].result(60)
        until_true(lambda: len(admin.list_topics(name).topics[name].partitions) == partitions)

    def end(self, kind: str) -> int:
        """Return the sum of the end offsets of a topic."""
        return sum(end for _, end in self.bounds(kind))

    def bounds(self, kind: str) -> list[tuple[int, int]]:
        """Return the first offset and the end of each partition of a topic."""
        return [self._bounds(each) for each in self._partitions(kind)]

    def _partitions(self, kind: str) -> list[TopicPartition]:
        name = self.name(kind)
        found = retry(lambda: self._consumer.list_topics(name, 10), f"metadata of {name}")
        return [TopicPartition(name, each) for each in found.topics[name].partitions]

    def _bounds(self, partition: TopicPartition) -> tuple[int, int]:
        """Return the first offset and the end; a topic that is new has no leader at first."""
        ask = self._consumer.get_watermark_offsets
        return retry(lambda: ask(partition, 10), f"bounds of {partition.topic}")

    def uncommitted(self, table: str = "high_scores") -> int:
        """Count the messages of a table whose scores a restart reads again."""
        committed = {each.partition: each.offset for each in self.committed()}
        origins = [seen.headers["origin"].decode().split("/") for seen in self.read(table)]
        return sum(int(offset) >= committed[int(each)] for _, each, offset in origins)

    def committed(self) -> list[TopicPartition]:
        """Return the committed position of each partition of `scores`."""
        asked, ask = self._partitions("scores"), self._consumer.committed
        return retry(lambda: ask(asked, 30), "committed positions")

    def _is_level(self, out: str) -> bool:
        boards = oracle.all_time(self.read("top_5"))
        expected = oracle.final(self.read("high_scores"), out)
        return bool(boards) and oracle.shown(boards[-1].value or b"") == expected
