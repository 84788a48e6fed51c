"""Writers: what the broker did not take is raised, and stays raised."""

import contextlib
import threading
import time
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from conf import clients
from conf.loading import load
from dataflows.kafka.producer import (
    IdempotentWriter,
    Record,
    TransactionalWriter,
    TransactionPace,
)
from dataflows.kafka.topics import await_topics
from dataflows.pace import Deadlines
from dataflows.process import FlowFailed
from local.kafka import running
from tests.support import oracle
from tests.support.until import until_true


def record(topic, value, partition=-1, time_ms=0) -> Record:
    return topic, value, b"ann", partition, None, None, time_ms, {}


def transactional(settings, name):
    return TransactionalWriter(settings, name, TransactionPace(0, Deadlines()))


def test_a_message_without_a_broker_is_raised_at_every_flush(monkeypatch):
    monkeypatch.setenv("LEADERBOARD_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    monkeypatch.setenv("LEADERBOARD_KAFKA", '{"delivery.timeout.ms": 1000, "log_level": 2}')
    writer = IdempotentWriter(load())
    writer.write([record("nowhere", b"1")])

    for _ in range(2):
        with pytest.raises(FlowFailed, match="nothing of it is committed"):
            writer.flush()


@pytest.mark.parametrize(
    ("given", "kbytes"), [({}, "65536"), ({"queue.buffering.max.kbytes": 1024}, "1024")]
)
def test_the_queue_of_a_producer_has_the_size_that_the_settings_say(monkeypatch, given, kbytes):
    made: list[dict[str, Any]] = []
    monkeypatch.setattr("dataflows.kafka.producer.Producer", made.append)
    IdempotentWriter(load().model_copy(update={"kafka": given}))

    assert made[0]["queue.buffering.max.kbytes"] == kbytes


@pytest.mark.parametrize("kind", [IdempotentWriter, TransactionalWriter])
def test_a_message_that_the_broker_refuses_is_raised(settings, kind):
    scores = await_topics(settings, ["scores"])["scores"].name
    writer = transactional(settings, scores) if kind is TransactionalWriter else kind(settings)
    far_ahead = 2**53  # a topic with the broker's limits takes an hour at most
    writer.write([record(scores, b"1", time_ms=far_ahead)])

    with pytest.raises(FlowFailed, match="not delivered"):
        writer.flush()


@pytest.mark.parametrize(
    "place", [("no-such-topic", 0), ("scores", 99)], ids=["topic", "partition"]
)
def test_a_message_to_a_place_that_is_not_there_is_raised(settings, place):
    """Its producer goes on: only the report of that one delivery tells."""
    soon = {"topic.metadata.refresh.interval.ms": 200, "topic.metadata.propagation.max.ms": 500}
    scores = await_topics(settings, ["scores"])["scores"].name
    name, partition = place
    writer = IdempotentWriter(settings.model_copy(update={"kafka": soon}))

    with pytest.raises(FlowFailed, match="Unknown"):
        write(writer, scores if name == "scores" else name, partition)
    with pytest.raises(FlowFailed, match="not delivered"):
        writer.flush()


def write(writer, topic, partition):
    writer.write([record(topic, b"1", partition)])
    writer.flush()


def test_nothing_follows_a_message_that_was_refused(settings):
    topic = settings.topics.scores.name
    admin = AdminClient(clients.client(settings))
    admin.create_topics([NewTopic(topic, 1, config={"max.message.bytes": "500"})])[topic].result(60)
    writer = IdempotentWriter(settings)
    until_true(lambda: topic in admin.list_topics(timeout=5).topics)
    writer.write([record(topic, b"1", 0)])
    writer.flush()

    with pytest.raises(FlowFailed, match="too large"):
        write_on(writer, topic)

    assert [seen.value for seen in oracle.read(settings.bootstrap_servers, topic)] == [b"1"]


@pytest.mark.parametrize("is_full", [False, True])
@pytest.mark.parametrize(
    ("code", "is_delivery", "reason"),
    [
        (KafkaError.MSG_SIZE_TOO_LARGE, True, r"high-scores\[5\]: Broker: Message size too large"),
        (KafkaError.CLUSTER_AUTHORIZATION_FAILED, False, "Write on topic high-scores is missing"),
    ],
)
def test_a_producer_that_has_failed_for_good_is_asked_for_the_reason(
    monkeypatch, code, is_delivery, reason, is_full
):
    """It takes nothing more from the moment of the failure, a little before it reports it."""
    refusals = [BufferError()] if is_full else []

    class Failed:
        def __init__(self, properties):
            self.report = properties["on_delivery"]

        def produce(self, *_):
            fatal = KafkaError._FATAL  # noqa: SLF001 - its public name
            raise refusals.pop() if refusals else KafkaException(KafkaError(fatal))

        def poll(self, seconds):
            if not seconds:
                return
            if not is_delivery:
                raise KafkaException(KafkaError(code))
            message = SimpleNamespace(topic=lambda: "high-scores", partition=lambda: 5)
            self.report(KafkaError(code), message)

    monkeypatch.setattr("dataflows.kafka.producer.Producer", Failed)

    with pytest.raises(FlowFailed, match=reason):
        IdempotentWriter(load()).write([record("high-scores", b"1")])


def write_on(writer, topic):
    """Write what is too large, then on without a check, until the producer itself refuses."""
    writer.write([record(topic, b"x" * 1_000, 0)])  # or this one has noticed already
    producer = writer._producer  # noqa: SLF001 - its writer would check
    with contextlib.suppress(KafkaException):
        for _ in range(100):
            producer.produce(topic, b"2")
            producer.list_topics(topic, 5)  # an answer of the broker is time enough to send
    writer.flush()


def test_a_message_too_large_for_the_producer_is_raised(settings):
    small = settings.model_copy(update={"kafka": {"message.max.bytes": 1_000}})
    writer = IdempotentWriter(small)

    with pytest.raises(FlowFailed, match="too large"):
        writer.write([record(small.topics.scores.name, b"x" * 2_000)])


def test_a_writer_that_is_fenced_ends_with_77(settings, monkeypatch):
    topic = await_topics(settings, ["scores"])["scores"].name
    statuses: list[int] = []
    monkeypatch.setattr("dataflows.kafka.producer.exit_now", statuses.append)
    old = transactional(settings, topic)
    old.write([record(topic, b"1", 0)])
    old.flush()
    transactional(settings, topic)
    old.write([record(topic, b"2", 0)])

    with pytest.raises(FlowFailed):  # as nobody exits here
        old.flush()

    assert statuses == [77]


def test_a_write_of_no_records_does_not_delay_the_commit_of_the_next(settings):
    topic = await_topics(settings, ["scores"])["scores"].name
    deadlines = Deadlines()
    pace = TransactionPace(0.1, deadlines)
    writer = TransactionalWriter(settings, topic, pace)
    left = []
    for records in ([], [record(topic, b"1", 0)], [record(topic, b"2", 0)]):
        writer.write(records)
        pace.commit_if_due()
        left.append(deadlines.seconds_left())

    assert left[:2] == [float("inf")] * 2
    assert left[2] <= 10


class Kept:
    """A writer whose transactions end at once."""

    commits = 0

    def commit(self):
        self.commits += 1
        return True


def test_after_the_end_of_an_epoch_no_deadline_keeps_a_flow_awake_that_has_nothing_to_commit():
    deadlines = Deadlines()
    pace = TransactionPace(0.1, deadlines)
    writer: Any = Kept()
    left = []
    for _ in range(2):  # the second waits for the pace
        pace.note_written(writer)
        pace.commit_if_due()
        left.append(deadlines.seconds_left())
    pace.commit()  # at the end of the epoch
    pace.commit_if_due()
    left.append(deadlines.seconds_left())

    assert left[0] == left[2] == float("inf")
    assert left[1] <= 10


def test_a_flow_that_is_behind_commits_more_rarely_until_it_has_caught_up():
    writer: Any = Kept()
    pace = TransactionPace(0, Deadlines())
    commits = []
    for is_behind in (True, True, False):
        pace.note_written(writer)
        pace.commit_if_due(is_behind=is_behind)
        commits.append(writer.commits)

    assert commits == [1, 1, 2]


def test_the_writers_of_a_flow_commit_at_the_same_time_at_the_end_of_an_epoch(
    settings, monkeypatch
):
    """Bytewax flushes one shard after another; the transactions wait for each other here."""
    topic = await_topics(settings, ["scores"])["scores"].name
    together = threading.Barrier(2, timeout=10)

    class Meeting(Producer):
        def commit_transaction(self, *arguments):
            together.wait()
            super().commit_transaction(*arguments)

    monkeypatch.setattr("dataflows.kafka.producer.Producer", Meeting)
    pace = TransactionPace(0.1, Deadlines())
    writers = [TransactionalWriter(settings, f"{topic}-{each}", pace) for each in range(2)]
    for writer in writers:
        writer.write([record(topic, b"1", 0)])
    for writer in writers:
        writer.flush()

    assert len(oracle.read(settings.bootstrap_servers, topic)) == 2


def test_many_records_are_sent_before_their_commit(settings):
    """So that a flush waits for the commit alone."""
    topic = await_topics(settings, ["scores"])["scores"].name
    read = partial(oracle.read, settings.bootstrap_servers, topic)
    writer = transactional(settings, f"early-{topic}")
    writer.write([record(topic, b"1", 0)] * 500)
    until_true(lambda: len(read("read_uncommitted")) == 500)
    before = read()
    writer.flush()

    assert before == []
    assert len(read()) == 500


@pytest.mark.parametrize("early_records", [1, 2, 100])
def test_what_is_written_during_a_commit_is_in_the_next_transaction_and_in_order(
    settings, monkeypatch, early_records
):
    topic = await_topics(settings, ["scores"])["scores"].name
    is_free, commits = threading.Event(), []

    class Waiting(Producer):
        def commit_transaction(self, *arguments):
            assert is_free.wait(10)
            super().commit_transaction(*arguments)
            commits.append(len(oracle.read(settings.bootstrap_servers, topic)))

    monkeypatch.setattr("dataflows.kafka.producer.Producer", Waiting)
    monkeypatch.setattr("dataflows.kafka.producer.EARLY_RECORDS", early_records)
    writer = transactional(settings, f"next-{topic}")
    for value in (b"1", b"2", b"3"):
        writer.write([record(topic, value, 0)])
        writer.commit()
    is_free.set()
    writer.flush()

    written = oracle.read(settings.bootstrap_servers, topic)
    assert commits == [1, 3]
    assert [each.value for each in written] == [b"1", b"2", b"3"]


class Slow(Producer):
    """A producer whose records are sent, or have failed, before the next is queued."""

    def produce(self, *record):
        super().produce(*record)
        while len(self):
            self.poll(0.01)


@pytest.mark.parametrize("kind", [Producer, Slow], ids=["queued at once", "failed while queued"])
def test_a_producer_that_kafka_has_forgotten_writes_again(monkeypatch, tmp_path, caplog, kind):
    """As after a week without a write: here after a second."""
    monkeypatch.setattr("dataflows.kafka.producer.Producer", kind)
    forgetful = {
        "transactional.id.expiration.ms": "1000",
        "transaction.remove.expired.transaction.cleanup.interval.ms": "200",
        "producer.id.expiration.ms": "1000",
        "producer.id.expiration.check.interval.ms": "200",
    }
    values: list[bytes] = []
    with running(tmp_path / "kafka", properties=forgetful) as address:
        monkeypatch.setenv("LEADERBOARD_BOOTSTRAP_SERVERS", address)
        settings = load()
        topic = await_topics(settings, ["scores"])["scores"].name
        writer = transactional(settings, topic)

        def was_forgotten():
            batch = [b"%d" % each for each in range(len(values), len(values) + 3)]
            values.extend(batch)
            writer.write([record(topic, value, 0) for value in batch])
            writer.flush()
            time.sleep(1.5)  # without a write
            return "written again" in caplog.text

        until_true(was_forgotten, 30)

        assert [seen.value for seen in oracle.read(address, topic)] == values
