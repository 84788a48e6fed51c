"""What Prometheus is told, each app in a registry of its own."""

import time
from collections.abc import Iterable, Mapping

from prometheus_client import CollectorRegistry, Counter, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from web.kafka.reader import TopicReader
from web.live.feeds import Feeds
from web.live.hub import Hub

MIME_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """The counters of the routes, and what the streams and the relays know of themselves.

    With the number of a worker, which all carry as a label: Prometheus asks one after the other.
    """

    def __init__(
        self, feeds: Feeds, relays: Iterable[TopicReader], worker: int | None = None
    ) -> None:
        self._labels = {} if worker is None else {"worker": str(worker)}
        self._registry = CollectorRegistry()
        self._registry.register(_Streams(feeds, tuple(relays)))
        self._posts = Counter(
            "leaderboard_web_posts", "Scores posted.", ["outcome"], registry=self._registry
        )

    def posted(self, outcome: str) -> None:
        """Count a post: `accepted`, `refused` (bad input), `limited` or `unacknowledged`."""
        self._posts.labels(outcome).inc()

    def text(self) -> bytes:
        """Write all of them."""
        return generate_latest(_Labelled(self._registry, self._labels))


class _Labelled(Collector):
    """All of a registry, each with some labels more."""

    def __init__(self, registry: CollectorRegistry, labels: Mapping[str, str]) -> None:
        self._registry = registry
        self._labels = labels

    def collect(self) -> Iterable[Metric]:
        for metric in self._registry.collect():
            metric.samples = [
                sample._replace(labels={**sample.labels, **self._labels})
                for sample in metric.samples
            ]
            yield metric


class _Streams(Collector):
    def __init__(self, feeds: Feeds, relays: tuple[TopicReader, ...]) -> None:
        self._feeds = feeds
        self._relays = relays

    def collect(self) -> Iterable[Metric]:
        streams = {
            "board": self._feeds.board,
            "scores": self._feeds.scores,
            "live": self._feeds.live,
        }
        yield from _of_streams(streams)
        yield _of_relays(self._relays)
        yield CounterMetricFamily(
            "leaderboard_web_bad_boards", "Unreadable boards.", value=self._feeds.bad_boards
        )
        updated = self._feeds.newest_board.updated
        yield GaugeMetricFamily(
            "leaderboard_web_board_age_seconds",
            "Seconds since the score that changed the board last; NaN before the first.",
            value=time.time() - updated / 1000 if updated else float("nan"),
        )


def _of_streams(streams: Mapping[str, Hub]) -> Iterable[Metric]:
    clients = GaugeMetricFamily("leaderboard_web_streams", "Open streams.", labels=["stream"])
    given = CounterMetricFamily(
        "leaderboard_web_chunks", "Chunks of events given to clients.", labels=["stream"]
    )
    cut = CounterMetricFamily(
        "leaderboard_web_cut", "Clients cut because they stopped reading.", labels=["stream"]
    )
    for name, stream in streams.items():
        clients.add_metric([name], len(stream))
        given.add_metric([name], stream.given)
        cut.add_metric([name], stream.cut)
    return clients, given, cut


def _of_relays(relays: Iterable[TopicReader]) -> Metric:
    errors = CounterMetricFamily(
        "leaderboard_web_relay_errors", "Deaths of a relay.", labels=["topic"]
    )
    for relay in relays:
        errors.add_metric([relay.name], relay.errors)
    return errors
