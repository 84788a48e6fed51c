"""Read `scores`: the last scores of all partitions, and how many there are.

The reader follows the topic as long as every score can be shown. When scores arrive faster, it
samples: it pauses, then jumps to just before the end of each partition.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from confluent_kafka import OFFSET_BEGINNING, Consumer, Message, TopicPartition

from conf.settings import Settings
from dataflows.kafka.topics import Topic, await_topics
from dataflows.scores import Decode, RegistryAway, decoder
from dataflows.wire import AGAIN, BadMessage, check_user, header
from web.clock import now_ms
from web.kafka import client
from web.kafka.flow import FlowMonitor
from web.kafka.progress import Progress
from web.kafka.reader import TopicReader
from web.live.rate import EndOffsets
from web.live.recent import SIZE, Removal, Score

BATCH = 200  # messages at once; a full batch means that they arrive too fast to be followed
PAUSE_SECONDS = 0.25  # before a jump
SMALL = {  # a consumer that fetches little ahead: a jump throws it away
    "auto.offset.reset": "earliest",  # a jump may land before the first message that is retained
    "queued.min.messages": 100,
    "queued.max.messages.kbytes": 256,
    "max.partition.fetch.bytes": 65536,
}


class Put(NamedTuple):
    """Where the reader passes on what it has."""

    begin: Callable[[str], object]  # the topic's id, before all else
    scores: Callable[[list[Score]], object]
    removals: Callable[[list[Removal]], object]
    ends: Callable[[EndOffsets], object]  # once a second


def read(reader: TopicReader, settings: Settings, put: Put) -> None:
    """Pass on what is on the topic, until the reader stops."""
    topic = await_topics(settings, ["scores"], stopping=reader.stopping)["scores"]
    put.begin(topic.id)
    decode = decoder(settings)
    broker = client.BrokerClient(settings)
    monitor = client.TopicMonitor(reader, broker, topic)
    flow = FlowMonitor(reader, broker, topic)
    with client.make_consumer(settings, **SMALL) as consumer:
        goal = monitor.end_offsets()
        progress = Progress(_jump(consumer, topic, goal))
        while not reader.stopping():
            messages = client.poll(consumer, {topic.name: progress}, BATCH)
            put.scores(list(_scores(messages, decode, settings.user_max_bytes)))
            if removals := list(_removals(messages)):
                put.removals(removals)
            if len(messages) == BATCH:
                reader.wait(PAUSE_SECONDS)
                _jump(consumer, topic, ends := monitor.end_offsets())
                progress.jump(ends)  # the skipped scores count as read
            if progress.has_reached(goal):
                reader.note_caught_up()
            if (newest := monitor.poll()) is not None:
                put.ends(EndOffsets(now_ms(), newest))
                progress.check(newest, time.monotonic())
                flow.check(newest)


def _jump(consumer: Consumer, topic: Topic, ends: Mapping[int, int]) -> dict[int, int]:
    """Move the consumer to just before these ends; return where that is.

    All that are shown may be of one partition.
    """
    starts = {partition: max(0, end - SIZE) for partition, end in ends.items()}
    positions = [
        TopicPartition(topic.name, partition, start or OFFSET_BEGINNING)
        for partition, start in starts.items()
    ]
    client.assign(consumer, positions)
    return starts


def _scores(messages: Iterable[Message], decode: Decode, user_max_bytes: int) -> Iterator[Score]:
    """Yield the scores of messages; tombstones and what cannot be read now are skipped.

    So are scores that a correction has written once more: nobody has made them now.
    """
    for message in messages:
        if message.error() is not None:
            continue
        try:
            (score,) = decode([message])
            user = check_user(message.key(), user_max_bytes).decode()
            is_again = header(message, AGAIN) is not None
        except (BadMessage, RegistryAway):
            continue
        if is_again or not isinstance(score, int):
            continue
        partition, offset = message.partition() or 0, message.offset() or 0
        yield Score(message.timestamp()[1], partition, offset, user, score)


def _removals(messages: Iterable[Message]) -> Iterator[Removal]:
    for message in messages:
        if message.error() is None and message.value() is None:
            user = (message.key() or b"").decode(errors="replace")
            yield Removal(message.partition() or 0, message.offset() or 0, user)
