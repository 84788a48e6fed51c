"""The thread that keeps reading a topic: what it logs of a failure."""

import logging

import pytest
from confluent_kafka import KafkaError, KafkaException

from tests.support.until import until_true
from web.kafka import reader
from web.kafka.reader import TopicReader


@pytest.fixture
def failing(monkeypatch):
    """Return what starts a reader that fails once, with an error of this code."""
    monkeypatch.setattr(reader, "RETRY_SECONDS", (0.01,))
    readers = []

    def start(code):
        failures = [KafkaException(KafkaError(code))]

        def read(it):
            if failures:
                raise failures.pop()
            it.note_caught_up()
            it.wait(5)

        readers.append(TopicReader("scores", read, lambda _: None))
        readers[-1].start()
        until_true(lambda: readers[-1]._caught_up)  # noqa: SLF001 - no broker answers here
        return readers[-1]

    yield start
    for each in readers:
        each.stop()


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (KafkaError.NOT_LEADER_FOR_PARTITION, "scores has no leader yet"),
        (KafkaError._TIMED_OUT, "scores is not answered for yet"),  # noqa: SLF001 - public
    ],
)
def test_what_a_new_topic_does_not_have_for_a_moment_is_no_error_at_the_start(
    failing, caplog, code, said
):
    caplog.set_level(logging.INFO)
    started = failing(code)

    assert started.errors == 0
    assert [record.levelname for record in caplog.records] == ["INFO"]
    assert said in caplog.text


def test_any_other_failure_is_an_error_and_reading_goes_on(failing, caplog):
    started = failing(KafkaError.TOPIC_AUTHORIZATION_FAILED)

    assert started.errors == 1
    assert [record.levelname for record in caplog.records] == ["ERROR"]


def test_a_broker_that_answers_no_more_is_silent_and_one_that_never_has_is_not(monkeypatch):
    monkeypatch.setattr(reader, "SILENT_SECONDS", -1)
    made = TopicReader("scores", lambda _: None, lambda _: None)
    before = made.silence()
    made.note_caught_up()

    assert before == ""
    assert made.silence() == made.problem()
    assert made.silence() == "the broker of scores has not answered for more than -1 s"
