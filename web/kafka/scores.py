"""What a relay does at `scores`: give the last ones of all partitions, and how many there are.

It follows as long as it can show all. When scores arrive faster, it samples: it rests, then jumps
to just before the end of each partition, and never reads what nobody could.
"""

import time
from collections.abc import Callable, Iterable, Mapping

from confluent_kafka import OFFSET_BEGINNING, Consumer, Message, TopicPartition

from conf.settings import Format, Settings
from dataflows.kafka.topics import Topic, await_topics
from dataflows.wire import BadMessage, check_user, decode_score
from web.kafka import client
from web.kafka.progress import Progress
from web.kafka.reader import TopicReader
from web.live.rate import Ends
from web.live.recent import Score

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


def read(relay: TopicReader, settings: Settings, put: Put, put_ends: PutEnds) -> None:
    """Follow the scores until the relay stops."""
    topic = await_topics(settings, ["scores"], stopping=relay.stopping)["scores"]
    watch = client.Watch(relay, settings, topic)
    with client.consumer(settings, **SMALL) as reader:
        goal = watch.ends()
        progress = Progress(_jump(reader, topic, goal))
        while not relay.stopping():
            messages = client.take(reader, BATCH)
            progress.took(messages)
            put(list(_scores(messages, settings)))
            if len(messages) == BATCH:
                relay.pause(REST_SECONDS)
                _jump(reader, topic, ends := watch.ends())
                progress.jumped(ends)  # whatever it does not get to before the next jump
            if progress.reached(goal):
                relay.caught_up()
            if (looked := watch.look()) is not None:
                put_ends(Ends(time.time_ns() // 1_000_000, looked))
                progress.check(looked, time.monotonic())


def _jump(reader: Consumer, topic: Topic, ends: Mapping[int, int]) -> dict[int, int]:
    """Go to just before these ends, and give where that is."""
    starts = {partition: max(0, end - SHOWN) for partition, end in ends.items()}
    positions = [
        TopicPartition(topic.name, partition, start or OFFSET_BEGINNING)
        for partition, start in starts.items()
    ]
    client.assign(reader, positions)
    return starts


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
