"""Show, remove or correct the scores of one user.

    python -m dataflows.correct show USER
    python -m dataflows.correct remove USER --reason TEXT
    python -m dataflows.correct void USER PARTITION@OFFSET... --reason TEXT

`remove` removes the user from every open board. `void` takes single scores back: the bests become
what they would have been without them, on every open board. It reads all of `scores` for that. What
it writes goes into `scores` in one transaction: all of it or nothing, whenever the command is
killed, and scores that arrive meanwhile are not lost. Boards of closed periods stay as they are.
"""

import sys
import time
from argparse import ArgumentTypeError, Namespace
from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from confluent_kafka import (
    OFFSET_BEGINNING,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)

from conf import clients
from conf.settings import Settings
from dataflows import command
from dataflows.corrections import Event, History, Place, parse_place
from dataflows.kafka import rights
from dataflows.kafka.caught_up import read_to_end
from dataflows.kafka.producer import BY_KEY, Headers, IdempotentWriter
from dataflows.kafka.topics import await_topics
from dataflows.leaderboard import EARLIEST_MS
from dataflows.periods import LAST_TIME, Calendar
from dataflows.progress import Progress
from dataflows.scores import decoder
from dataflows.stream_time import StreamTime
from dataflows.wire import (
    AGAIN,
    REASON,
    SCHEMA,
    VOIDED,
    BadMessage,
    check_user,
    headers,
)

REQUEST_SECONDS = 30
TRANSACTION_MS = 60_000


class UserLog:
    """Reads the messages of one user in `scores`, and the stream time of each partition."""

    def __init__(self, settings: Settings, user: bytes) -> None:
        self._settings = settings
        self._user = user
        self._sign = settings.sign
        self._decode = decoder(settings)
        self.topic = await_topics(settings, ["scores"])["scores"]
        self.history = History()
        self._streams = [StreamTime() for _ in range(self.topic.partitions)]
        self._positions = [OFFSET_BEGINNING] * self.topic.partitions
        self._progress = Progress(f"reading {self.topic.name}")
        for partition in range(self.topic.partitions):
            self._progress.begin(str(partition))

    def stream(self, partition: int) -> int:
        """Return the stream time of a partition, as far as it is read."""
        return self._streams[partition].now

    def read(self, partition: int, until: int = 0) -> None:
        """Read a partition on to its end of this moment, and at least to before `until`.

        Raises:
            FlowFailed: It cannot be read, or a transaction before `until` stays open for 60 s.
        """
        for messages in read_to_end(
            self._settings,
            TopicPartition(self.topic.name, partition, self._positions[partition]),
            until=until,
            on_progress=partial(self._progress.note, str(partition)),
        ):
            self._positions[partition] = (messages[-1].offset() or 0) + 1
            self._take(messages, self._streams[partition])
        self._progress.note(str(partition), 1)

    def _take(self, messages: list[Message], stream: StreamTime) -> None:
        keys = [message.key() or b"" for message in messages]
        scores = self._decode(messages)
        times = [
            0
            if score is None or isinstance(score, BadMessage)
            else max(message.timestamp()[1], EARLIEST_MS)
            for message, score in zip(messages, scores, strict=True)
        ]
        streams = stream.advance(keys, times)
        for key, message, score, now in zip(keys, messages, scores, streams, strict=True):
            if key == self._user and not isinstance(score, BadMessage):
                points = None if score is None else self._sign * score
                self.history.add(_event(message, points, now))


def _event(message: Message, score: int | None, stream: int) -> Event:
    place = Place(message.partition() or 0, message.offset() or 0)
    time_ms = max(message.timestamp()[1], EARLIEST_MS)
    found = _headers(message)
    schema = found.pop(SCHEMA, None)
    texts = {name: text.decode(errors="replace") for name, text in found.items()}
    return Event(place, score, time_ms, stream, texts, message.value(), schema)


def _headers(message: Message) -> dict[str, bytes]:
    """Return the headers of corrections, and that of the schema."""
    try:
        found = headers(message)
    except BadMessage:  # another program's: it is no correction
        return {}
    return {name: found[name] for name in (REASON, VOIDED, AGAIN, SCHEMA) if name in found}


def show(settings: Settings, options: Namespace) -> None:
    """Print each message of the user, what was voided, and which score is the best where."""
    user = _user(settings, options)
    found = UserLog(settings, user)
    for partition in range(found.topic.partitions):
        found.read(partition)
    for line in lines(found.history, _calendar(settings), settings.sign):
        print(line)
    if not found.history.events:
        print(f"{options.user!r} has no message in {found.topic.name}")


def lines(history: History, calendar: Calendar, sign: int = 1) -> Iterator[str]:
    """Yield a line for each message: place, time, score, and what became of it."""
    best: dict[Place, list[str]] = {}
    for key, event in history.bests(calendar).items():
        best.setdefault(event.place, []).append(key)
    for event in history.events:
        when = _moment(event.time, calendar)
        score = "removed" if event.score is None else str(sign * event.score)
        notes = [f"{name}: {text}" for name, text in event.headers.items()]
        if event.place in history.voided:
            notes.append(f"voided ({history.voided[event.place]})")
        if event.place in best:
            notes.append(f"the best of {', '.join(best[event.place])}")
        yield "  ".join([str(event.place), when, score, *notes])


def _moment(time_ms: int, calendar: Calendar) -> str:
    if time_ms >= LAST_TIME:  # most often of a client that sends another unit
        return f"{time_ms} ms"
    return datetime.fromtimestamp(time_ms / 1000, calendar.zone).isoformat(" ", "seconds")


def remove(settings: Settings, options: Namespace) -> None:
    """Write a tombstone for the user, with the reason.

    Raises:
        FlowFailed: Kafka has not confirmed it.
    """
    user = _user(settings, options)
    topic = await_topics(settings, ["scores"])["scores"]
    writer = IdempotentWriter(settings)
    headers: Headers = {REASON: options.reason.encode()}
    writer.write([(topic.name, None, user, BY_KEY, None, None, 0, headers)])
    writer.flush()
    print(f"{options.user!r} is removed from every open board")


def void(settings: Settings, options: Namespace) -> None:
    """Take single scores back, in one transaction.

    Raises:
        Refused: A place has no score of this user, or Kafka refuses the transaction.
        FlowFailed: `scores` cannot be read.
    """
    user, calendar = _user(settings, options), _calendar(settings)
    found = UserLog(settings, user)
    for partition in range(found.topic.partitions):
        found.read(partition)
    for place in options.places:
        if place not in found.history.scores:
            msg = f"{place} is no score of {options.user!r} that counts; `show` lists them"
            raise command.Refused(msg)
    correction = Correction(settings, found, user)
    try:
        correction.begin(options.places, options.reason)
        again = correction.end(calendar, options.places)
    except KafkaException as error:
        reason = rights.explain_write(error.args[0], found.topic.name, correction.transactional_id)
        msg = f"nothing is changed: {reason}; run it again"
        raise command.Refused(msg) from error
    print(
        f"voided {len(options.places)} scores of {options.user!r}; {again} honest ones count again"
    )


class Correction:
    """A transaction on `scores`: a tombstone, and after it the best honest scores once more.

    The transactional id is one for all corrections of a group: a second command ends a first one,
    and what a killed one has left open.
    """

    def __init__(self, settings: Settings, found: UserLog, user: bytes) -> None:
        self._settings = settings
        self._found = found
        self._user = user
        self._partition = max(found.history.events, key=lambda event: event.time).place.partition
        self._tombstone = -1
        self._has_failed = False
        properties = clients.transactional(settings, f"correct-{settings.group}", TRANSACTION_MS)
        self.transactional_id: str = properties["transactional.id"]
        self._producer = Producer(properties)

    def begin(self, places: Sequence[Place], reason: str) -> None:
        """Begin the transaction with the tombstone, and read what has arrived before it.

        Raises:
            KafkaException: Kafka refuses it.
            Refused: The tombstone is not there: what has arrived before it is unknown.
        """
        self._producer.init_transactions(REQUEST_SECONDS)
        self._producer.begin_transaction()
        headers = {VOIDED: ",".join(map(str, places)).encode(), REASON: reason.encode()}
        self._produce(None, 0, headers)
        is_late = self._producer.flush(REQUEST_SECONDS)
        if self._has_failed:
            self._commit()  # it raises the reason
        if is_late or self._has_failed:
            msg = "nothing is changed: the broker does not answer; run it again"
            raise command.Refused(msg)
        self._found.read(self._partition, until=self._tombstone)

    def end(self, calendar: Calendar, places: Sequence[Place]) -> int:
        """Write the best honest scores once more, and commit; returns how many.

        Raises:
            KafkaException: Kafka refuses it: then nothing has happened.
            Refused: Kafka has not confirmed it.
        """
        stream = self._found.stream(self._partition)
        again = self._found.history.again(calendar, places, stream)
        for event in again:
            schema = {SCHEMA: event.schema} if event.schema is not None else {}
            self._produce(event.value, event.time, {AGAIN: str(event.place).encode(), **schema})
        self._commit()
        return len(again)

    def _commit(self) -> None:
        """Commit; asks for as long as the transaction may stay open."""
        deadline = time.monotonic() + TRANSACTION_MS / 1000
        while True:
            try:
                return self._producer.commit_transaction(REQUEST_SECONDS)
            except KafkaException as failure:
                error = failure.args[0]
                if error.txn_requires_abort():
                    raise
                if not error.retriable() or time.monotonic() > deadline:
                    msg = f"not confirmed: {error.str()}; run it again"
                    raise command.Refused(msg) from failure

    def _produce(self, value: bytes | None, time_ms: int, headers: dict[str, Any]) -> None:
        self._producer.produce(
            self._found.topic.name,
            value,
            self._user,
            partition=self._partition,
            timestamp=time_ms,
            headers=headers,
            on_delivery=self._note,
        )

    def _note(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self._has_failed = True
        elif message.value() is None:
            self._tombstone = message.offset() or 0


def _user(settings: Settings, options: Namespace) -> bytes:
    return check_user(options.user.encode(), settings.user_max_bytes)


def _calendar(settings: Settings) -> Calendar:
    return Calendar(settings.boards, settings.time_zone, settings.late_hours)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its status."""
    parser = command.parser("correct", __doc__)
    commands = parser.add_subparsers(required=True, metavar="show|remove|void")
    for name, run in (("show", show), ("remove", remove), ("void", void)):
        each = commands.add_parser(name, help=run.__doc__ and run.__doc__.splitlines()[0])
        each.set_defaults(run=run)
        each.add_argument("user", type=_text)
        if run is void:
            each.add_argument("places", nargs="+", type=_place, metavar="PARTITION@OFFSET")
        if run is not show:
            each.add_argument("--reason", required=True, type=_text, help="is kept in the log")
    return command.run(lambda settings, options: options.run(settings, options), parser, arguments)


def _text(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        msg = f"{text!r} is not UTF-8"
        raise ArgumentTypeError(msg) from error
    return text


def _place(text: str) -> Place:
    try:
        return parse_place(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from error


if __name__ == "__main__":
    sys.exit(main())
