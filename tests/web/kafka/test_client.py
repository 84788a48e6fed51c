"""What polling says of progress, without a broker."""

from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, Message

from web.kafka import client
from web.kafka.progress import Progress

END = KafkaError(KafkaError._PARTITION_EOF)  # noqa: SLF001 - confluent-kafka's name for it


def consumer(*messages) -> Any:
    return SimpleNamespace(poll=lambda _: messages[0], consume=lambda *_: messages[1:])


def test_the_end_of_a_partition_is_reached_also_past_the_markers_of_transactions():
    progress = Progress({0: 5, 1: 5})
    client.poll(consumer(Message("a", 0, 7), Message("a", 1, 7, error=END)), {"a": progress}, 2)

    assert progress.next_offsets == {0: 8, 1: 7}


def test_any_other_error_is_raised():
    error = KafkaError(KafkaError._AUTO_OFFSET_RESET)  # noqa: SLF001

    with pytest.raises(KafkaException, match="AUTO_OFFSET_RESET"):
        client.poll(consumer(Message("a", 0, 7, error=error)), {"a": Progress({})}, 1)
