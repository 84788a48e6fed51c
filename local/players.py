"""Simulated players, who send scores to the topic `scores` as a real game would.

`python -m local.players --rate 50 --players 2000 --seed 7` continues where an earlier run stopped.
`--history-days 14` first plays the days before, so that the boards by period differ at once.
"""

import argparse
import itertools
import logging
import sys
import time
from collections.abc import Iterator, Sequence

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from conf import clients
from conf.arguments import add_version, count
from conf.loading import start
from conf.settings import InvalidSettings, Settings
from dataflows.kafka.topics import Topic, Unavailable, WrongTopic, await_topics
from dataflows.wire import score_codec
from local import children
from local.crowd import Play, players, plays
from local.offsets import end_offset
from local.supervisor import follow_parent

log = logging.getLogger(__name__)

LOG_SECONDS = 5
DAY_SECONDS = 24 * 3600
SCORES_A_DAY = 1_500  # of the past, about
POLL_SECONDS = 0.2  # at most, between checks for refused scores
FLUSH_SECONDS = 3  # at the end; a missing broker must not delay Ctrl-C


class Undelivered(ConnectionError):  # noqa: N818 - what the score is
    """Kafka did not accept a score."""


class Sender:
    """Sends scores, counts the accepted ones, and raises when Kafka refuses one."""

    def __init__(self, settings: Settings) -> None:
        self._topic = settings.topics.scores
        if (form := self._topic.plain_format) is None:
            msg = f"setting topics.scores.format: players write no {self._topic.format}"
            raise InvalidSettings(msg)
        self._encode = score_codec(form).encode
        self._producer = Producer(clients.producer(settings))
        self._refused: str | None = None
        self.delivered = 0

    def send(self, play: Play, made: int = 0) -> None:
        """Send a score with a time in ms, 0: the present time."""
        value = self._encode(play.score)
        while True:
            try:
                self._producer.produce(
                    self._topic.name,
                    value,
                    play.user,
                    timestamp=made,
                    on_delivery=self._note_delivery,
                )
            except BufferError:
                self.poll(POLL_SECONDS)  # ends: a score that waits for 60 s is refused
            else:
                return self.poll(0)

    def poll(self, seconds: float) -> None:
        """Wait, and serve delivery reports meanwhile.

        Raises:
            Undelivered: Kafka refused a score, or did not answer for 60 s.
        """
        children.exit_if_asked()
        self._producer.poll(seconds)
        if self._refused:
            raise Undelivered(self._refused)

    def finish(self) -> None:
        """Wait for pending deliveries, 3 s at most."""
        left = self._producer.flush(FLUSH_SECONDS)
        if left:
            log.warning("%d pending scores may be lost", left)

    def _note_delivery(self, error: KafkaError | None, _message: Message) -> None:
        if error is None:
            self.delivered += 1
        else:
            self._refused = f"{self._topic.name}: a score was not delivered: {error.str()}"


def play_past(sender: Sender, game: Iterator[Play], days: int) -> None:
    """Send the scores of the days before now, each with its own time."""
    log.info("playing the last %d days", days)
    begin = time.time() - days * DAY_SECONDS
    for each in itertools.takewhile(lambda each: each.at < days * DAY_SECONDS, game):
        sender.send(each, round(1000 * (begin + each.at)))


def play(sender: Sender, game: Iterator[Play]) -> None:
    """Send each score when it is due, and log the rate every 5 s."""
    log.info("playing")
    started = logged_at = time.monotonic()
    logged = 0
    for each in game:
        while (left := started + each.at - time.monotonic()) > 0:
            sender.poll(min(left, POLL_SECONDS))
        sender.send(each)
        if (passed := time.monotonic() - logged_at) >= LOG_SECONDS:
            rate = (sender.delivered - logged) / passed
            log.info("%d scores, %.0f a second", sender.delivered, rate)
            logged_at, logged = logged_at + passed, sender.delivered


def _played(settings: Settings, topic: Topic) -> int:
    """Return the number of scores that were ever sent."""
    consumer = Consumer(clients.consumer(settings))
    try:
        return sum(
            end_offset(consumer, TopicPartition(topic.name, partition))
            for partition in range(topic.partitions)
        )
    finally:
        consumer.close()


def main(arguments: Sequence[str] | None = None) -> int:
    """Send scores until SIGINT or SIGTERM, or `--count` scores; status 1 if Kafka refuses them."""
    options = _options(arguments)
    children.exit_on_signals()
    follow_parent()
    try:
        delivered = _run(options, start("players"))
    except KafkaException as error:
        print(f"Kafka: {error.args[0].str()}", file=sys.stderr)
        return 1
    except (InvalidSettings, Unavailable, WrongTopic, Undelivered) as error:
        print(error, file=sys.stderr)
        return 1
    log.info("%d scores in all", delivered)
    return 0


def _run(options: argparse.Namespace, settings: Settings) -> int:
    """Send the scores; return how many of them Kafka has accepted."""
    played = _played(settings, await_topics(settings, ["scores"])["scores"])
    sender = Sender(settings)
    try:
        _play_on(sender, options, played)
    finally:
        sender.finish()
    return sender.delivered


def _play_on(sender: Sender, options: argparse.Namespace, played: int) -> None:
    """Continue after the scores that were sent before, or with the past."""
    crowd, days = players(options.seed, options.players), options.history_days
    if days and not played:
        past = plays(crowd, SCORES_A_DAY / DAY_SECONDS, options.seed, practice=0)
        play_past(sender, past, days)
    game = plays(crowd, options.rate, options.seed, max(0, played - days * SCORES_A_DAY))
    play(sender, itertools.islice(game, options.count))


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local.players", description=__doc__)
    add_version(parser)
    parser.add_argument("--rate", type=_positive, default=50, help="scores a second (default: 50)")
    parser.add_argument("--players", type=count, default=2000, help="their number (default: 2000)")
    parser.add_argument("--seed", type=int, default=7, help="of names and scores (default: 7)")
    text = "if no score was ever sent, play this number of days before now first (default: 0)"
    parser.add_argument("--history-days", type=_days, default=0, help=text)
    parser.add_argument("--count", type=count, help="stop after this number of scores")
    return parser.parse_args(arguments)


def _positive(text: str) -> float:
    number = float(text)
    if not 0 < number < float("inf"):
        msg = f"{text} is not above 0"
        raise argparse.ArgumentTypeError(msg)
    return number


def _days(text: str) -> int:
    return 0 if text == "0" else count(text)


if __name__ == "__main__":
    sys.exit(main())
