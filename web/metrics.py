"""The metrics of one app for Prometheus."""

import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from prometheus_client import CollectorRegistry, Counter, generate_latest
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from conf.version import version
from web.access.refusals import Refusals
from web.kafka.unreadable import Unreadable
from web.live.feeds import Feeds
from web.ranks.rankings import Rankings
from web.threads import PendingCalls

MIME_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Samples = Sequence[tuple[dict[str, str], float]]  # labels and values


SHARE_SECONDS = 1
STALE_SECONDS = 10  # after which what a worker has shared is that of a dead one


class Worker(NamedTuple):
    """One of several processes on a port: its number, and the folder where they share metrics."""

    number: int
    folder: Path


class Source(Protocol):
    """What reads or writes a topic in the background, and begins again after a failure."""

    title: str
    errors: int  # ever

    def problem(self) -> str:
        """Return why the app may show something outdated, or take no score; "" if nothing is."""
        ...


class Metrics(Collector):
    """A counter of posts, and the state of the streams, the readers and the producer.

    With `worker`, every sample has its number as a label. Each worker writes its metrics to a file
    once a second, because a scrape reaches one of them and must show all.
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
        self._worker = worker
        self._labels = {} if worker is None else {"worker": str(worker.number)}
        self._share_at = 0.0  # monotonic seconds
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
        return own if self._worker is None else merge([own, *_shared_by_others(self._worker)])

    def share(self, now: float) -> None:
        """Let the other workers show these metrics; `now` in monotonic seconds."""
        if self._worker is None or now < self._share_at:
            return
        self._share_at = now + SHARE_SECONDS
        path = self._worker.folder / str(self._worker.number)
        new = path.with_suffix(".new")
        new.write_bytes(generate_latest(self._registry))
        new.replace(path)

    def collect(self) -> Iterable[Metric]:
        """Yield the state of the streams, the readers and the board."""
        yield self._metric(
            "gauge", "leaderboard_web_info", "The version.", [({"version": version()}, 1)]
        )
        yield from self._of_streams()
        yield from self._of_overload()
        yield from self._of_ranks()
        troubled = [*self._sources, self._feeds.lateness]
        yield self._metric(
            "gauge",
            "leaderboard_web_problems",
            "Reasons for which `/ready` answers 503 now.",
            [({}, sum(bool(each.problem()) for each in troubled))],
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


def merge(texts: Iterable[bytes]) -> bytes:
    """Merge texts in Prometheus's format: each metric once, with the samples of all."""
    samples: dict[bytes, list[bytes]] = {}
    for text in texts:
        for metric in re.split(rb"^(?=# HELP )", text, flags=re.MULTILINE)[1:]:
            description, kind, *lines = metric.splitlines(keepends=True)
            samples.setdefault(description + kind, []).extend(lines)
    return b"".join(head + b"".join(lines) for head, lines in samples.items())


def _shared_by_others(worker: Worker) -> Iterable[bytes]:
    for path in sorted(worker.folder.glob("*[0-9]")):  # a file that ends with .new may vanish
        is_fresh = time.time() - path.stat().st_mtime < STALE_SECONDS
        if path.name != str(worker.number) and is_fresh:
            yield path.read_bytes()
