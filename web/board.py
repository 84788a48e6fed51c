"""What a relay does at `top-5`: give the last board, then each new one."""

from collections.abc import Callable

from confluent_kafka import Consumer, Message, TopicPartition

from conf.settings import Settings
from dataflows.messages import partition_of
from dataflows.topics import await_topics
from web import ids, reading
from web.relay import Relay

BOARD = b"all-time"  # the key of the board that is shown
FIRST_LOOK = 100  # messages before the end that are looked at for the last board
WIDER = 10  # times as far, when it is not among them
BATCH = 1000  # messages at once, at most

Put = Callable[[list[tuple[str, bytes]]], object]  # takes events' ids and data, oldest first


def read(relay: Relay, settings: Settings, put: Put) -> None:
    """Follow the board until the relay stops.

    The id of a board is the topic's id and its offset, so the same in every process.
    """
    topic = await_topics(settings, ["top_5"], stopping=relay.stopping)["top_5"]
    watch = reading.Watch(relay, settings, topic)
    at = TopicPartition(topic.name, partition_of(BOARD, topic.partitions))
    with reading.consumer(settings) as reader:
        _put(put, topic.id, _look_back(reader, at, relay))
        relay.caught_up()
        while not relay.stopping():
            _put(put, topic.id, reading.take(reader, BATCH))
            watch.look()


def _put(put: Put, topic_id: str, messages: list[Message]) -> None:
    boards = [
        (ids.write(topic_id, message.offset() or 0), value)
        for message in messages
        if message.error() is None and message.key() == BOARD and (value := message.value())
    ]
    if boards:
        put(boards)


def _look_back(reader: Consumer, at: TopicPartition, relay: Relay) -> list[Message]:
    """Read the last messages to the end, from as far back as a board is found."""
    low, end = reader.get_watermark_offsets(at, timeout=reading.ANSWER_SECONDS)
    reach = FIRST_LOOK
    while True:
        start = max(low, end - reach)
        reader.assign([TopicPartition(at.topic, at.partition, start)])
        messages = _read_to(end, reader, relay)
        if start == low or any(message.key() == BOARD for message in messages):
            return messages
        reach *= WIDER


def _read_to(end: int, reader: Consumer, relay: Relay) -> list[Message]:
    """Read what was there when it began: while boards come all the time, no end is ever reached."""
    messages: list[Message] = []
    while not relay.stopping():
        taken = reading.take(reader, BATCH)
        messages += [message for message in taken if message.error() is None]
        messages = messages[-FIRST_LOOK:]
        if any(reading.at_end(message) or reading.after(message) >= end for message in taken):
            break
    return messages
