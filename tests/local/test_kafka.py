"""A broker of `local.kafka`: ready means ready, and nothing is lost or left behind."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # documented, not in __all__
    AdminClient,
    NewTopic,
)

from local import claims, jars
from local.kafka import running
from tests.support import oracle

LIMIT_SECONDS = 60


@contextlib.contextmanager
def program(data, *options, environment=None):
    """Run `python -m local.kafka` and kill whatever is left of it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "local.kafka", "--data", data, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **(environment or {})},
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def ready(process):
    line = process.stdout.readline()
    match = re.fullmatch(r"ready (127\.0\.0\.1:\d+)\n", line)
    assert match, line + process.stderr.read()
    return match[1]


def ended(process, number):
    """Send a signal and give the status, what was printed, and how long the end took."""
    began = time.monotonic()
    process.send_signal(number)
    output, errors = process.communicate(timeout=LIMIT_SECONDS)
    return process.returncode, output + errors, time.monotonic() - began


def create(address, topic, **config):
    admin = AdminClient({"bootstrap.servers": address})
    admin.create_topics([NewTopic(topic, 1, 1, config=config)])[topic].result(LIMIT_SECONDS)


def produce(address, topic, *values):
    failures = []
    producer = Producer({"bootstrap.servers": address})
    for value in values:
        producer.produce(topic, value, b"ann", on_delivery=lambda error, _: failures.append(error))
    assert producer.flush(LIMIT_SECONDS) == 0
    assert failures == [None] * len(values)


def consume(address, topic):
    return [seen.value for seen in oracle.read(address, topic)]


def accepts(address):
    host, _, port = address.partition(":")
    with contextlib.suppress(OSError):
        socket.create_connection((host, int(port)), timeout=1).close()
        return True
    return False


def test_a_topic_is_created_written_and_read_at_once(kafka):
    create(kafka, "at-once")
    produce(kafka, "at-once", b"120")

    assert consume(kafka, "at-once") == [b"120"]


def test_a_topic_comes_about_only_when_it_is_created(kafka):
    admin = AdminClient({"bootstrap.servers": kafka, "allow.auto.create.topics": True})

    assert admin.list_topics("no-such-topic", 10).topics["no-such-topic"].error
    assert "no-such-topic" not in admin.list_topics(timeout=10).topics


def test_the_broker_of_the_tests_compacts_within_seconds(kafka):
    # One segment a message: the last one is never compacted. With its own ratio of 0.5 Kafka would
    # keep one new message beside one that was compacted.
    config = {"cleanup.policy": "compact", "segment.ms": "1", "min.cleanable.dirty.ratio": "0.001"}
    create(kafka, "compacted", **config)
    for value in (b"1", b"2", b"3"):
        produce(kafka, "compacted", value)
    assert claims.eventually(lambda: consume(kafka, "compacted") == [b"2", b"3"], 100)
    produce(kafka, "compacted", b"4")

    assert claims.eventually(lambda: consume(kafka, "compacted") == [b"3", b"4"], 100)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_on_a_signal_and_keeps_its_data(tmp_path, number):
    with program(tmp_path, "--port", "0") as first:
        address = ready(first)
        create(address, "kept")
        produce(address, "kept", b"120")
        status, printed, seconds = ended(first, number)

    assert status == 0
    assert "Traceback" not in printed
    assert seconds < 5
    assert not accepts(address)
    assert f"Apache Kafka {jars.KAFKA_VERSION}" in printed
    with running(tmp_path) as again:
        assert consume(again, "kept") == [b"120"]


def test_its_own_kafka_dies_with_it_and_nothing_acknowledged_is_lost(tmp_path):
    with program(tmp_path, "--port", "0") as first:
        address = ready(first)
        create(address, "killed")
        produce(address, "killed", b"120")
        assert ended(first, signal.SIGKILL)[0] == -signal.SIGKILL

    assert claims.eventually(lambda: not accepts(address), 5)
    with running(tmp_path, int(address.partition(":")[2])) as again:
        assert again == address
        assert consume(again, "killed") == [b"120"]


def test_a_signal_before_it_is_ready_ends_it_too(tmp_path):
    with program(tmp_path, "--port", "0") as process:
        assert "starting" in process.stderr.readline()
        status, printed, seconds = ended(process, signal.SIGINT)

    assert (status, printed) == (0, "")
    assert seconds < 10


class Finalized:
    """Sends a signal from its finalizer, where Python drops what the handler raises."""

    def __del__(self):
        signal.raise_signal(signal.SIGTERM)


DROPPED = """
from local import children, claims
from tests.local.test_kafka import Finalized

children.exit_on_signals()
Finalized()
print("dropped")
claims.eventually(lambda: False, 30)
print("went on")
"""


def test_a_signal_that_python_drops_ends_the_next_wait():
    process = subprocess.run(
        [sys.executable, "-c", DROPPED], capture_output=True, text=True, timeout=20, check=False
    )

    assert process.returncode == 0
    assert process.stdout == "dropped\n"


def test_a_port_that_is_taken_is_named(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with program(tmp_path, "--port", str(port)) as process:
            output, errors = process.communicate(timeout=LIMIT_SECONDS)

    assert process.returncode == 1
    assert output == ""
    assert errors == (f"port {port} is taken: stop what listens there, or choose another --port\n")


def test_data_of_a_running_broker_are_left_alone(tmp_path):
    with running(tmp_path), program(tmp_path, "--port", "0") as second:
        _, errors = second.communicate(timeout=LIMIT_SECONDS)

    assert second.returncode == 1
    assert errors == (
        f"{tmp_path} belongs to a broker that runs: stop that one, or choose another --data\n"
    )


def test_jars_that_cannot_be_had_are_named(tmp_path):
    nowhere = {"XDG_CACHE_HOME": str(tmp_path), "HTTPS_PROXY": "http://127.0.0.1:9", "NO_PROXY": ""}
    with program(tmp_path / "data", environment=nowhere) as process:
        _, errors = process.communicate(timeout=LIMIT_SECONDS)

    assert process.returncode == 1
    assert "cannot fetch the jars of Apache Kafka" in errors
    assert "Traceback" not in errors
    assert list(tmp_path.glob("live-high-scores/*")) == []


def test_a_property_that_kafka_refuses_is_told_from_its_log(tmp_path):
    with program(tmp_path, "--port", "0", "--set", "log.cleaner.backoff.ms=soon") as process:
        _, errors = process.communicate(timeout=LIMIT_SECONDS)

    assert process.returncode == 1
    assert "Invalid value soon for configuration log.cleaner.backoff.ms" in errors


@pytest.mark.long
@pytest.mark.timeout(240)
def test_of_three_brokers_those_that_are_killed_are_started_again(tmp_path):
    """The second one is killed while the first starts."""
    with program(tmp_path, "--port", "0", "--brokers", "3") as process:
        addresses = process.stdout.readline().removeprefix("ready ").strip()
        admin = AdminClient({"bootstrap.servers": addresses})
        admin.create_topics([NewTopic("three", 1, 3)])["three"].result(LIMIT_SECONDS)
        produce(addresses, "three", b"1")
        newest, oldest = (["pkill", "-9", "-P", str(process.pid), each] for each in ("-n", "-o"))
        subprocess.run(newest, check=True)
        told = [next(line for line in process.stderr if "ended" in line)]
        subprocess.run(oldest, check=True)
        told += [next(line for line in process.stderr if "ended" in line)]
        produce(addresses, "three", b"2")
        in_sync = claims.eventually(lambda: len(replicas(admin, "three")) == 3, LIMIT_SECONDS)
        status, printed, _ = ended(process, signal.SIGTERM)

    assert ["broker 3 has ended" in told[0], "broker 1 has ended" in told[1]] == [True, True]
    assert in_sync
    assert (status, "Traceback" in printed) == (0, False)


def replicas(admin, topic):
    """Give the replicas in sync of its only partition."""
    return admin.list_topics(topic, 10).topics[topic].partitions[0].isrs
