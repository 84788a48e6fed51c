"""Read `top-5`: at first the boards of the last ten minutes, then each new one."""

import time
from collections.abc import Callable, Iterable, Iterator

from confluent_kafka import Consumer, Message, TopicPartition

from conf.settings import Settings
from dataflows.kafka.partitioner import partition_of
from dataflows.kafka.topics import await_topics
from dataflows.wire import BadMessage, decode_board
from web.kafka import client
from web.kafka.progress import Progress
from web.kafka.reader import TopicReader
from web.live.history import APART_MS, SPAN_MS
from web.live.sse import board_id

BOARD = b"all-time"  # the key of the board that is shown
LAST_MESSAGES = 100  # that are searched for a board when none was written for ten minutes
KEPT = SPAN_MS // APART_MS  # boards of the past
BATCH = 1000  # messages at once, at most

Begin = Callable[[str], object]  # of the topic's id
Put = Callable[[list[tuple[str, bytes]]], object]  # of event ids and documents, oldest first


def read(reader: TopicReader, settings: Settings, begin: Begin, put: Put) -> None:
    """Pass on the id of the topic, then boards until the reader stops."""
    topic = await_topics(settings, ["top_5"], stopping=reader.stopping)["top_5"]
    begin(topic.id)
    monitor = client.TopicMonitor(reader, settings, topic)
    at = TopicPartition(topic.name, partition_of(BOARD, topic.partitions))
    progress = Progress({})
    with client.make_consumer(settings) as consumer:
        _put(put, topic.id, _read_past(consumer, at, reader, progress))
        reader.note_caught_up()
        while not reader.stopping():
            messages = client.poll(consumer, progress, BATCH)
            _put(put, topic.id, _boards(messages, reader))
            if (ends := monitor.poll()) is not None:
                progress.check({at.partition: ends[at.partition]}, time.monotonic())


def _put(put: Put, topic_id: str, boards: Iterable[Message]) -> None:
    found = [(board_id(topic_id, it.offset() or 0), it.value() or b"") for it in boards]
    if found:
        put(found)


def _boards(messages: Iterable[Message], reader: TopicReader) -> Iterator[Message]:
    """Yield the messages that are boards; one that cannot be read is counted."""
    for message in messages:
        value = message.value()
        if message.error() is None and message.key() == BOARD and value is not None:
            try:
                decode_board(value)
            except BadMessage as error:
                reader.unreadable.add(message, error)
            else:
                yield message


def _read_past(
    consumer: Consumer, at: TopicPartition, reader: TopicReader, progress: Progress
) -> list[Message]:
    """Return the boards of the last ten minutes, or else the last one, from the whole table."""
    low, end = consumer.get_watermark_offsets(at, timeout=client.ANSWER_SECONDS)
    ten_minutes_ago = time.time_ns() // 1_000_000 - SPAN_MS
    asked = [TopicPartition(at.topic, at.partition, ten_minutes_ago)]
    (since,) = consumer.offsets_for_times(asked, timeout=client.ANSWER_SECONDS)
    recent = since.offset if since.offset >= 0 else end - LAST_MESSAGES
    for start in sorted({max(low, recent), low}, reverse=True):
        client.assign(consumer, [TopicPartition(at.topic, at.partition, start)])
        progress.jump({at.partition: start})
        if boards := _read_to(end, at.partition, consumer, reader, progress):
            return boards
    return []


def _read_to(
    end: int, partition: int, consumer: Consumer, reader: TopicReader, progress: Progress
) -> list[Message]:
    """Return the boards up to an offset, of each two seconds the last, and at most 300."""
    boards: dict[int, Message] = {}
    while not reader.stopping() and not progress.has_reached({partition: end}):
        messages = client.poll(consumer, progress, BATCH)
        for message in _boards(messages, reader):
            moment = message.timestamp()[1] // APART_MS
            boards.pop(moment, None)
            boards[moment] = message
            if len(boards) > KEPT:
                del boards[next(iter(boards))]
        if any(map(client.is_partition_end, messages)):
            break  # what is past it is in an open transaction
    return list(boards.values())
