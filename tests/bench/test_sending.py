"""A load generator sends what it is asked for, or the measurement fails or is wrong."""

import threading
from typing import Any

import pytest

from bench import fanout, ranks, sending
from bench.fanout import Crowd
from bench.sending import producing
from tests.support.until import until_true

SERVED = {"served": 5_000, "lost": 0, "scores_per_second": 300.0}


def test_the_rate_of_a_load_generator_is_known_after_it_has_ended(settings):
    numbers = []
    with producing(settings, 500, lambda _, number: numbers.append(number)) as sent:
        until_true(lambda: len(numbers) > 250)

    assert numbers == list(range(len(numbers)))
    assert sent.result() == pytest.approx(500, rel=0.05)


def test_a_load_generator_that_dies_fails_the_measurement(settings):
    def send(*_):
        raise BufferError

    with pytest.raises(BufferError), producing(settings, 500, send) as sent:
        until_true(sent.done)


def test_messages_that_the_broker_does_not_take_fail_the_measurement(settings, monkeypatch):
    monkeypatch.setattr(sending, "FLUSH_SECONDS", 0.2)
    nowhere = settings.model_copy(update={"bootstrap_servers": "127.0.0.1:9", "kafka": {}})
    nowhere = nowhere.model_copy(update={"kafka": {"log_level": 0}})

    queued = threading.Event()

    def send(out, _):
        sending.produce(out, "no-topic", b"ann", b"1")
        queued.set()

    with (
        pytest.raises(TimeoutError, match="the broker did not take"),
        producing(nowhere, 100, send),
    ):
        queued.wait(20)


class Full:
    """A producer whose queue is full at first."""

    def __init__(self):
        self.polled = 0
        self.sent = 0

    def produce(self, *_):
        if not self.polled:
            raise BufferError
        self.sent += 1

    def poll(self, _):
        self.polled += 1


@pytest.mark.parametrize(
    "send",
    [lambda out: fanout._publish_score("t", out, 1), lambda out: ranks.update("t", 10, out, 1)],  # noqa: SLF001
    ids=["scores of the fan-out", "updates of ranks"],
)
def test_a_score_waits_while_the_queue_of_its_producer_is_full(send):
    out: Any = Full()
    send(out)

    assert out.sent == 1


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({}, ""),
        ({"served": 7}, "4,993 of 5,000 clients not served"),
        ({"lost": 3}, "3 of 5,000 clients lost"),
        ({"scores_per_second": 40.0}, "40 of 300 scores/s"),
    ],
)
def test_a_fan_out_to_fewer_clients_or_with_fewer_scores_is_wrong(change, wrong):
    assert fanout.fault(Crowd(5_000, 20, 32), SERVED | change) == wrong
