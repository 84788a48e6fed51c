"""What a relay does at `top-5`: give the last board, then each new one."""

import time
from collections.abc import Callable, Mapping

from confluent_kafka import Consumer, Message, TopicPartition

from conf.settings import Settings
from dataflows.kafka.partitioner import partition_of
from dataflows.kafka.topics import await_topics
from web.kafka import client
from web.kafka.progress import Progress
from web.kafka.reader import TopicReader
from web.live import ids
from web.live.history import APART_MS, SPAN_MS

BOARD = b"all-time"  # the key of the board that is shown
LEAST = 100  # messages before the end that are looked at for the last boards
MOST = 20_000  # of them, for the story
WIDER = 10  # times as far, when no board is among them
KEPT = 1_000  # boards, at most
BATCH = 1000  # messages at once, at most

Put = Callable[[list[tuple[str, bytes]]], object]  # takes events' ids and data, oldest first


def read(relay: TopicReader, settings: Settings, put: Put) -> None:
    """Follow the board until the relay stops.

    The id of a board is the topic's id and its offset, so the same in every process.
    """
    topic = await_topics(settings, ["top_5"], stopping=relay.stopping)["top_5"]
    watch = client.Watch(relay, settings, topic)
    at = TopicPartition(topic.name, partition_of(BOARD, topic.partitions))
    progress = Progress({})
    with client.consumer(settings) as reader:
        _put(put, topic.id, _look_back(reader, at, relay, progress))
        relay.caught_up()
        while not relay.stopping():
            messages = client.take(reader, BATCH)
            progress.took(messages)
            _put(put, topic.id, messages)
            if (ends := watch.look()) is not None:
                progress.check({at.partition: ends[at.partition]}, time.monotonic())


def _put(put: Put, topic_id: str, messages: list[Message]) -> None:
    boards = [
        (ids.write(topic_id, message.offset() or 0), value)
        for message in messages
        if message.error() is None and message.key() == BOARD and (value := message.value())
    ]
    if boards:
        put(boards)


def _look_back(
    reader: Consumer, at: TopicPartition, relay: TopicReader, progress: Progress
) -> list[Message]:
    """Read the boards of the last minutes to the end, from as far back as one is found."""
    low, end = reader.get_watermark_offsets(at, timeout=client.ANSWER_SECONDS)
    reach = _minutes_before(reader, at, end)
    while True:
        start = max(low, end - reach)
        client.assign(reader, [TopicPartition(at.topic, at.partition, start)])
        progress.jumped({at.partition: start})
        boards = _read_to({at.partition: end}, reader, relay, progress)
        if start == low or boards:
            return boards
        reach *= WIDER


def _minutes_before(reader: Consumer, at: TopicPartition, end: int) -> int:
    """Give how many messages before the end the story of the last minutes begins, in bounds."""
    then = time.time_ns() // 1_000_000 - SPAN_MS
    asked = [TopicPartition(at.topic, at.partition, then)]
    (since,) = reader.offsets_for_times(asked, timeout=client.ANSWER_SECONDS)
    return min(MOST, max(LEAST, end - since.offset)) if since.offset >= 0 else LEAST


def _read_to(
    ends: Mapping[int, int], reader: Consumer, relay: TopicReader, progress: Progress
) -> list[Message]:
    """Give the boards up to these ends, of what changed within two seconds the newest alone."""
    boards: dict[int, Message] = {}
    while not relay.stopping() and not progress.reached(ends):
        taken = client.take(reader, BATCH)
        progress.took(taken)
        for message in taken:
            if message.error() is None and message.key() == BOARD:
                moment = message.timestamp()[1] // APART_MS
                boards.pop(moment, None)
                boards[moment] = message
        if any(map(client.at_end, taken)):
            break  # what lies beyond is in an open transaction
    return list(boards.values())[-KEPT:]
