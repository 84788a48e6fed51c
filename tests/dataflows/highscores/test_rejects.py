"""Messages that could not be read are written as the topic for them allows."""

from types import SimpleNamespace
from typing import Any

import pytest

from conf.loading import load
from dataflows.highscores.rejects import ENVELOPE_BYTES, RejectsPartition
from dataflows.kafka.topics import Topic
from dataflows.wire import Rejected


@pytest.mark.parametrize(
    ("config", "limit"),
    [({"max.message.bytes": "20000"}, 20_000), ({}, 1_048_588)],
    ids=["as the topic says", "Kafka's default where the broker does not say"],
)
def test_a_message_is_cut_to_the_size_that_its_topic_takes(config, limit):
    written: list[Any] = []
    topic = Topic("scores-rejected", "id", 1, config)
    context: Any = SimpleNamespace(
        settings=load(),
        topic={"rejected": topic, "scores": topic}.get,
        writer=lambda: SimpleNamespace(write=written.extend),
    )
    value = b"x" * 2 * limit
    rejected = Rejected(b"ann", value, "not an integer", 3, 17, 1_000)
    RejectsPartition(context, 0).write_batch([rejected])
    ((_, kept, *_, headers),) = written

    assert kept == value[: limit - ENVELOPE_BYTES - len(b"ann")]
    assert headers["cut"] == f"key of 3 and value of {2 * limit} bytes"
