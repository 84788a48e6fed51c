"""What a relay does at `scores`: give the last ones of all partitions, and how many there are.

It follows as long as it can show all. When scores arrive faster, it samples: it rests, then jumps
to just before the end of each partition, and never reads what nobody could.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping

from confluent_kafka import OFFSET_BEGINNING, Consumer, Message, TopicPartition

from conf.settings import Format, Settings
from dataflows.messages import BadMessage, check_user, decode_score
from dataflows.topics import Topic, await_topics
from web import reading
from web.latest import Score
from web.rates import Ends
from web.relay import Relay

SHOWN = 10  # scores that are shown, so the most that are needed of one partition
BATCH = 200  # messages at once that are still followed
REST_SECONDS = 0.25  # before a jump
SMALL = {  # a consumer that fetches ahead little: what it has is thrown away at a jump
    "auto.offset.reset": "earliest",  # a jump may land before what retention left
    "queued.min.messages": 100,
    "queued.max.messages.kbytes": 256,
    "max.partition.fetch.bytes": 65536,
}

Put = Callable[[list[Score]], object]
PutEnds = Callable[[Ends], object]


def read(relay: Relay, settings: Settings, put: Put, put_ends: PutEnds) -> None:
    """Follow the scores until the relay stops."""
    topic = await_topics(settings, ["scores"], stopping=relay.stopping)["scores"]
    watch = reading.Watch(relay, settings, topic)
    with reading.consumer(settings, **SMALL) as reader:
        first_ends = watch.ends()
        _jump(reader, topic, first_ends)
        unread = set(range(topic.partitions))
        while not relay.stopping():
            messages = reading.take(reader, BATCH)
            put(list(_scores(messages, settings)))
            unread -= set(_level(messages, first_ends))
            if len(messages) == BATCH:
                relay.pause(REST_SECONDS)
                _jump(reader, topic, watch.ends())
                unread.clear()
            if not unread:
                relay.caught_up()
            if (ends := watch.look()) is not None:
                put_ends(Ends(time.time_ns() // 1_000_000, ends))


def _level(messages: Iterable[Message], ends: Mapping[int, int]) -> Iterator[int]:
    """Yield the partitions that are read up to their end, which shows only where nothing comes."""
    for message in messages:
        partition = message.partition() or 0
        if reading.at_end(message) or reading.after(message) >= ends.get(partition, 0):
            yield partition


def _jump(reader: Consumer, topic: Topic, ends: Mapping[int, int]) -> None:
    starts = (
        TopicPartition(topic.name, partition, end - SHOWN if end > SHOWN else OFFSET_BEGINNING)
        for partition, end in ends.items()
    )
    reader.assign(list(starts))


def _scores(messages: Iterable[Message], settings: Settings) -> Iterable[Score]:
    form: Format = settings.topics.scores.format
    for message in messages:
        value = message.value()
        if message.error() is not None or value is None:
            continue
        try:
            user = check_user(message.key(), settings.user_max_bytes).decode()
            score = decode_score(value, form)
        except BadMessage:
            continue
        yield Score(message.timestamp()[1], *_place(message), user, score)


def _place(message: Message) -> tuple[int, int]:
    return message.partition() or 0, message.offset() or 0
