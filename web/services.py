"""What the routes of one app share, and how its parts are connected."""

import asyncio
import logging
import math
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

from quart import Request

from conf.settings import Settings
from dataflows.leaderboard import Row
from dataflows.periods import ALL_TIME, Calendar
from web import files, texts
from web.access.asking import Asking
from web.access.limits import ConcurrencyLimiter, RateLimiter
from web.access.refusals import Refusals
from web.clock import now_ms
from web.kafka import boards, scores, table
from web.kafka.outcomes import Posts
from web.kafka.producer import ScoreProducer
from web.kafka.reader import TopicReader
from web.kafka.records import merge_news
from web.live import recent
from web.live.feeds import Feeds, newest_boards
from web.live.freshness import BoardLag, judge
from web.live.recent import Removal, Score
from web.metrics import Metrics
from web.posting.submission import NOT_ACCEPTED, Rules
from web.posting.waiting import ScoreWatcher
from web.ranks.rankings import NotRanked, Rankings
from web.ranks.watches import Watches
from web.shared_metrics import Worker
from web.threads import OnLoop, PendingCalls

log = logging.getLogger(__name__)

REMOVALS = 1_000  # that wait for the event loop, at most
STATUS_SECONDS = 0.25  # between two looks at the topic readers


@dataclass
class Services:
    """One of each, for the life of the app. Every method is called on its event loop."""

    settings: Settings
    asking: Asking
    feeds: Feeds
    readers: tuple[TopicReader, ...]  # of the boards, of the scores, and where ranks are kept
    rankings: Rankings
    watches: Watches
    on_loop: OnLoop
    producer: ScoreProducer
    watcher: ScoreWatcher
    rules: Rules
    post_limiter: RateLimiter
    stream_limiter: ConcurrencyLimiter
    refusals: Refusals
    metrics: Metrics
    files: files.Files
    texts: texts.Texts
    clock: Callable[[], int] = now_ms  # decides which periods are current; in ms since the epoch
    _status_task: asyncio.Task[None] | None = field(default=None, init=False)

    async def start(self) -> None:
        """Start reading the topics, and publish from then on whether the board is the newest."""
        if self.rules.score_format is None:
            log.warning("%s", NOT_ACCEPTED)
        self.on_loop.bind()
        self.feeds.lateness.start()
        for reader in self.readers:
            reader.start()
        self._status_task = asyncio.create_task(self._keep_publishing_status())

    async def stop(self) -> None:
        """End everything; takes at most about 3 s."""
        if self._status_task is not None:
            self._status_task.cancel()
        self.end()
        await asyncio.gather(
            *(asyncio.to_thread(reader.stop) for reader in self.readers),
            asyncio.to_thread(self.producer.stop),
        )

    def end(self) -> None:
        """End every stream, and every wait for the outcome of a score."""
        self.feeds.end()
        self.watcher.end()
        self.watches.end()

    def limit_post(self, request: Request) -> int:
        """Count a post, or a removal, of a client; return the seconds that it has to wait, or 0."""
        client = self.asking.client_address(request)
        seconds = self.post_limiter.acquire(client, time.monotonic())
        if seconds:
            self.refusals.add("post", "client", client)
        return math.ceil(seconds)

    def problems(self) -> list[str]:
        """Return why the app may show something outdated, or take no score; empty when ready."""
        problems = [reader.problem() for reader in self.readers]
        problems += [self.producer.problem(), *self.feeds.problems()]
        return [problem for problem in problems if problem]

    async def _keep_publishing_status(self) -> None:
        while True:
            try:
                self.feeds.turn(self.clock())
                self._note_lag()
                self._publish_status()
            except Exception:
                log.exception("the status or a new period could not be published")
            await asyncio.sleep(STATUS_SECONDS)

    def _note_lag(self) -> None:
        """Compare the newest board of all time with the ranks, while both are read to the end."""
        shown = self.feeds.all_time.find("")
        event_id, rows = (shown.event_id, shown.board.rows) if shown else ("", ())
        best: list[Row] = []
        boards, _, *tables = self.readers
        if not any(reader.problem() for reader in (boards, *tables)):
            with suppress(NotRanked), self.rankings.open(ALL_TIME) as ranked:
                best = ranked.ranking.rows(1, max(len(rows), 1))
        is_same = not best or _scores_of(best) == _scores_of(rows)
        now = time.monotonic()
        self.feeds.lag.update(event_id, is_same=is_same, now=now, now_ms=now_ms())

    def _publish_status(self) -> None:
        boards, scores, *tables = self.readers
        problems = [boards.problem(), scores.problem(), *(table.silence() for table in tables)]
        problems += [self.producer.problem(), *self.feeds.problems()]
        late = [reader.answered_ms for reader in self.readers if reader.silence()]
        late += [boards.answered_ms] if boards.problem() else []
        late += [self.feeds.lag.since_ms] if self.feeds.lag.problem() else []
        self.feeds.put_status(judge(late, problems))
        self.refusals.report(time.monotonic())
        self.metrics.share(time.monotonic())


def make_services(
    settings: Settings, on_unavailable: Callable[[Exception], object], worker: Worker | None
) -> Services:
    """Make the services of an app; nothing is started."""
    calendar = Calendar(settings.boards, settings.time_zone, settings.late_hours)
    boards_per_second = settings.top5.updates_per_second
    lag = BoardLag(1 / boards_per_second if boards_per_second else 0.0)
    feeds = Feeds(settings.web, calendar, lag)
    producer = ScoreProducer(settings)
    on_loop = OnLoop()

    def begin_scores(topic_id: str) -> None:
        feeds.begin_scores(topic_id)
        producer.start()

    of_boards, of_scores, of_table = (PendingCalls(on_loop) for _ in range(3))
    read_boards = partial(
        boards.read,
        settings=settings,
        begin=of_boards.wrap_begin(feeds.begin_boards),
        put_past=of_boards.wrap(feeds.put_past),
        put=of_boards.wrap(feeds.put_boards, newest_boards),
    )
    read_scores = partial(
        scores.read,
        settings=settings,
        put=scores.Put(
            begin=of_scores.wrap_begin(begin_scores),
            scores=of_scores.wrap(feeds.put_scores, _newest_scores),
            removals=of_scores.wrap(feeds.remove_scores, _last_removals),
            ends=of_scores.wrap(feeds.put_ends),
        ),
    )
    watcher, rankings = ScoreWatcher(), Rankings(settings)
    read_table = partial(
        table.read,
        settings=settings,
        rankings=rankings,
        posts=Posts(
            begin=of_table.wrap_begin(watcher.begin),
            posted=watcher.posted,
            put=of_table.wrap(watcher.put, merge_news),
        ),
    )
    report_unavailable = partial(on_loop.run, on_unavailable)
    web, topics, refusals = settings.web, settings.topics, Refusals()
    reads = {topics.top_5.name: read_boards, topics.scores.name: read_scores}
    if web.ranks:
        reads[topics.high_scores.name] = read_table
    readers = tuple(TopicReader(name, read, report_unavailable) for name, read in reads.items())
    unreadable = {each.name: each.unreadable for each in readers if each.name != topics.scores.name}
    return Services(
        settings=settings,
        asking=Asking(web),
        feeds=feeds,
        readers=readers,
        rankings=rankings,
        watches=Watches(),
        on_loop=on_loop,
        producer=producer,
        watcher=watcher,
        rules=Rules(settings.user_max_bytes, topics.scores.plain_format),
        post_limiter=RateLimiter(web.posts_per_second, web.posts_burst),
        stream_limiter=ConcurrencyLimiter(web.streams, web.streams_per_client),
        refusals=refusals,
        metrics=Metrics(
            feeds,
            (of_boards, of_scores, of_table),
            (*readers, producer),
            unreadable,
            refusals,
            rankings=rankings,
            uncounted=lambda: readers[1].uncounted,
            worker=worker,
        ),
        files=files.Files(files.STATIC),
        texts=texts.load(web.texts),
    )


def _scores_of(rows: Iterable[Row]) -> list[tuple[str, int]]:
    return [(row.user, row.score) for row in rows]


def _newest_scores(waiting: list[Score], scores: list[Score]) -> list[Score]:
    return recent.newest([*waiting, *scores], now_ms())


def _last_removals(waiting: list[Removal], removals: list[Removal]) -> list[Removal]:
    return [*waiting, *removals][-REMOVALS:]
