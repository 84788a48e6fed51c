"""Writers: what the broker did not take is raised, and stays raised."""

import pytest

from conf.settings import load
from dataflows.topics import await_topics
from dataflows.writers import BrokenWorld, IdempotentWriter, TransactionalWriter


@pytest.fixture
def settings(names, monkeypatch):
    for name, value in names.items():
        monkeypatch.setenv(name, value)
    return load()


def test_a_message_without_a_broker_is_raised_at_every_flush(monkeypatch):
    monkeypatch.setenv("LEADERBOARD_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    monkeypatch.setenv("LEADERBOARD_KAFKA", '{"delivery.timeout.ms": 1000, "log_level": 2}')
    writer = IdempotentWriter(load())
    writer.write(topic="nowhere", key=b"ann", value=b"1")

    for _ in range(2):
        with pytest.raises(BrokenWorld, match="nothing of it is committed"):
            writer.flush()


@pytest.mark.parametrize("kind", [IdempotentWriter, TransactionalWriter])
def test_a_message_that_the_broker_refuses_is_raised(settings, kind):
    scores = await_topics(settings, ["scores"])["scores"].name
    arguments = [f"{scores}-0"] if kind is TransactionalWriter else []
    writer = kind(settings, *arguments)
    far_ahead = 2**53  # a topic with the broker's limits takes an hour at most
    writer.write(topic=scores, key=b"ann", value=b"1", timestamp=far_ahead)

    writer.send()

    with pytest.raises(BrokenWorld, match="not delivered"):
        writer.flush()


def test_a_message_too_large_for_the_producer_is_raised(settings):
    writer = IdempotentWriter(settings)

    with pytest.raises(BrokenWorld, match="too large"):
        writer.write(topic=settings.topics.scores.name, value=b"x" * 2_000_000)
