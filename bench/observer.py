"""Observes leading scores, in a separate process: `python -m bench.observer PORT`.

It prints `ready` when it reads `high-scores`, `top-5` and the board's stream of the web app. At the
end of its input it prints the leading scores that it saw in each, with the time in microseconds.
"""

import http.client
import json
import sys
import threading
import time

from confluent_kafka import OFFSET_END, Consumer, Message, TopicPartition

from bench.topics import partitions_of
from conf import clients
from conf.loading import load
from conf.settings import Settings

POLL_SECONDS = 0.2
LOWEST_LEADER = 10**15  # a leading score is a time in microseconds, and so above it


class Observer:
    """The scores seen in each topic and stream, with the time of each in microseconds."""

    def __init__(self, settings: Settings, port: int) -> None:
        self.seen: dict[str, list[tuple[int, int]]] = {"high-scores": [], "top-5": [], "SSE": []}
        self.ended = threading.Event()
        self._table = settings.topics.high_scores.name
        self._consumer = Consumer(clients.consumer(settings))
        topics = [self._table, settings.topics.top_5.name]
        self._consumer.assign(
            [
                TopicPartition(topic, each, OFFSET_END)
                for topic in topics
                for each in partitions_of(settings, topic)
            ]
        )
        self._consumer.poll(1)  # positions are known from here on
        self._stream = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        self._stream.request("GET", "/highScores")
        self._events = self._stream.getresponse()

    def watch_topics(self) -> None:
        """Watch both topics until the end."""
        while not self.ended.is_set():
            message = self._consumer.poll(POLL_SECONDS)
            if message is not None and message.error() is None:
                self._note_message(message)
        self._consumer.close()

    def watch_stream(self) -> None:
        """Watch the stream until the end; a heartbeat wakes it."""
        while not self.ended.is_set():
            line = self._events.readline()
            if line.startswith(b"data: "):
                self._note("SSE", _leader(line[6:]))
        self._stream.close()

    def _note_message(self, message: Message) -> None:
        value = message.value() or b"0"
        if message.topic() == self._table:
            self._note("high-scores", int(value))
        else:
            self._note("top-5", _leader(value))

    def _note(self, where: str, score: int) -> None:
        if score > LOWEST_LEADER:
            self.seen[where].append((score, time.time_ns() // 1000))


def _leader(board: bytes) -> int:
    rows = json.loads(board)["rows"]
    return int(rows[0]["score"]) if rows else 0


def main() -> None:
    """Watch until the input ends, and print the observations."""
    observer = Observer(load(), int(sys.argv[1]))
    threads = [
        threading.Thread(target=watch) for watch in (observer.watch_topics, observer.watch_stream)
    ]
    for thread in threads:
        thread.start()
    print("ready", flush=True)
    sys.stdin.read()
    observer.ended.set()
    for thread in threads:
        thread.join()
    print(json.dumps(observer.seen))


if __name__ == "__main__":
    main()
