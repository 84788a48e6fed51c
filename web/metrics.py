"""The metrics of one app for Prometheus."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, generate_latest
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from conf.version import version
from web.access.refusals import Refusals
from web.kafka.unreadable import Unreadable
from web.live.feeds import Feeds
from web.ranks.rankings import Rankings
from web.shared_metrics import SharedMetrics, Worker, merge
from web.threads import PendingCalls

MIME_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Samples = Sequence[tuple[dict[str, str], float]]  # labels and values


class Source(Protocol):
    """What reads or writes a topic in the background, and begins again after a failure."""

    title: str
    errors: int  # ever

    def problem(self) -> str:
        """Return why the app may show something outdated, or take no score; "" if nothing is."""
        ...


class Metrics(Collector):
    """A counter of posts, and the state of the streams, the readers and the producer.

    With `worker`, every sample has its number as a label, and the text has those of the others.
    """

    def __init__(  # noqa: PLR0913 - one of each
        self,
        feeds: Feeds,
        pending: Sequence[PendingCalls],
        sources: Sequence[Source],
        unreadable: Mapping[str, Unreadable],
        refusals: Refusals,
        *,
        rankings: Rankings,
        uncounted: Callable[[], float],
        worker: Worker | None = None,
    ) -> None:
        self._feeds = feeds
        self._pending = pending  # calls of the topic readers
        self._sources = sources
        self._unreadable = unreadable  # by topic
        self._refusals = refusals
        self._rankings = rankings
        self._uncounted = uncounted  # scores, or NaN
        self._shared = None if worker is None else SharedMetrics(worker)
        self._labels = {} if worker is None else {"worker": str(worker.number)}
        self._registry = CollectorRegistry()
        self._registry.register(self)
        self._posts = Counter(
            "leaderboard_web_posts",
            "Scores posted.",
            ["outcome", *self._labels],
            registry=self._registry,
        )
        self._rank_requests = Counter(
            "leaderboard_web_rank_requests",
            "Requests for ranks: of a user, of some users, and of a page.",
            ["outcome", *self._labels],
            registry=self._registry,
        )

    def count_post(self, outcome: str) -> None:
        """Count a post: `accepted`, `refused` (bad input), `limited` or `unacknowledged`."""
        self._posts.labels(outcome, *self._labels.values()).inc()

    def count_rank_request(self, outcome: str) -> None:
        """Count a request for ranks: `found`, `unknown` (no such user or period) or `not_ready`."""
        self._rank_requests.labels(outcome, *self._labels.values()).inc()

    def text(self) -> bytes:
        """Return all metrics in Prometheus's text format, and those that other workers share."""
        own = generate_latest(self._registry)
        return own if self._shared is None else merge([own, *self._shared.of_others()])

    def share(self, now: float) -> None:
        """Let the other workers show these metrics, once a second; `now` in monotonic seconds."""
        if self._shared and self._shared.is_due(now):
            self._shared.write(generate_latest(self._registry))

    def collect(self) -> Iterable[Metric]:
        """Yield the state of the streams, the readers and the board."""
        yield self._metric(
            "gauge", "leaderboard_web_info", "The version.", [({"version": version()}, 1)]
        )
        yield from self._of_streams()
        yield from self._of_overload()
        yield from self._of_ranks()
        problems = [each.problem() for each in self._sources] + self._feeds.problems()
        yield self._metric(
            "gauge",
            "leaderboard_web_problems",
            "Reasons for which `/ready` answers 503 now.",
            [({}, sum(map(bool, problems)))],
        )
        yield self._metric(
            "counter",
            "leaderboard_web_failures",
            "Failures of what reads or writes a topic; each begins again by itself.",
            [({"of": each.title}, each.errors) for each in self._sources],
        )
        yield self._metric(
            "counter",
            "leaderboard_web_refused",
            "Connections, streams and posts beyond the limit of all clients or of one.",
            [(each._asdict(), count) for each, count in self._refusals.counts.items()],
        )
        yield self._metric(
            "counter",
            "leaderboard_web_unreadable",
            "Messages of the flows' topics that cannot be read.",
            [({"topic": topic}, each.count) for topic, each in self._unreadable.items()],
        )
        yield self._metric(
            "gauge",
            "leaderboard_web_uncounted_scores",
            "Scores that the flow has not counted, by its committed positions; NaN before these "
            "are known.",
            [({}, self._uncounted())],
        )
        updated = self._feeds.newest_board.updated
        yield self._metric(
            "gauge",
            "leaderboard_web_board_age_seconds",
            "Seconds since the score that changed the board last; NaN before the first.",
            [({}, time.time() - updated / 1000 if updated else float("nan"))],
        )

    def _of_ranks(self) -> Iterable[Metric]:
        yield self._metric(
            "gauge",
            "leaderboard_web_ranks_ready",
            "Whether the ranks are read: 1, or 0.",
            [({}, not self._rankings.not_ready)],
        )
        yield self._metric(
            "gauge",
            "leaderboard_web_ranked_users",
            "Users whose ranks are in memory.",
            [
                ({"board": board, "period": period}, users)
                for (board, period), users in self._rankings.sizes().items()
            ],
        )

    def _of_streams(self) -> Iterable[Metric]:
        feeds = self._feeds
        hubs = {"board": [feeds.board], "scores": [feeds.scores], "live": feeds.live_hubs()}
        streams = [({"stream": name}, each) for name, each in hubs.items()]
        yield self._metric(
            "gauge",
            "leaderboard_web_streams",
            "Open streams.",
            [(of, sum(map(len, each))) for of, each in streams],
        )
        yield self._metric(
            "counter",
            "leaderboard_web_chunks",
            "Chunks of events sent to clients.",
            [(of, sum(hub.sent for hub in each)) for of, each in streams],
        )
        yield self._metric(
            "counter",
            "leaderboard_web_cut",
            "Clients cut because they stopped reading.",
            [(of, sum(hub.cut for hub in each)) for of, each in streams],
        )

    def _of_overload(self) -> Iterable[Metric]:
        feeds = self._feeds
        yield self._metric(
            "gauge",
            "leaderboard_web_lateness_seconds",
            "By how much the event loop is late, on average in the last moments.",
            [({}, feeds.lateness.seconds)],
        )
        yield self._metric(
            "gauge",
            "leaderboard_web_sent_board_age_seconds",
            "How long the board that was sent last had waited in this process.",
            [({}, feeds.pacer.waited["board"])],
        )
        skipped = {
            **feeds.pacer.skipped,
            "handover": sum(each.merged for each in self._pending),
            "client": sum(hub.skipped for hub in (feeds.board, feeds.scores, *feeds.live_hubs())),
        }
        yield self._metric(
            "counter",
            "leaderboard_web_skipped",
            "Changes that a newer one replaced: in `handover` from a topic reader to the event "
            "loop, for a `client` that was slow, and the other kinds of events while they waited "
            "to be sent.",
            [({"of": name}, count) for name, count in skipped.items()],
        )

    def _metric(self, kind: str, name: str, text: str, samples: Samples) -> Metric:
        metric = Metric(name, text, kind)
        suffix = "_total" if kind == "counter" else ""
        for labels, value in samples:
            metric.add_sample(name + suffix, {**labels, **self._labels}, value)
        return metric
