"""The targets, and whether they are reached: a row for each, measured or not."""

from collections.abc import Callable, Mapping
from statistics import median
from typing import NamedTuple

from bench.candidates import (
    AT_LEAST_ONCE,
    CACHED,
    EACH,
    LOOP,
    NAIVE,
    OURS,
    THREE_BOARDS,
    TUNED,
    TWO_PROCESSES,
    TWO_WORKERS,
)
from bench.facts import Facts, paired
from bench.tables import cell

FREE_CORES = 4

Figure = Callable[[Facts], float]  # raises NotMeasured or WrongRuns
Where = Mapping[str, object]  # the values of columns that choose rows


class NotMeasured(LookupError):  # noqa: N818 - what the figure is
    """A figure was not measured, or not with the plan `full`."""


class WrongRuns(ValueError):  # noqa: N818 - what the figure is of
    """A figure is of runs of which one is wrong."""


class Target(NamedTuple):
    """A figure and its limit."""

    what: str
    figure: Figure
    limit: float
    unit: str = ""
    is_least: bool = False  # the figure must be at least the limit, not at most

    def line(self, facts: Facts) -> tuple[str, str, str, str]:
        """Return its name, the limit, the figure, and whether the target is reached."""
        unit = f" {self.unit}" if self.unit else ""
        goal = f"{'≥' if self.is_least else '≤'} {cell(self.limit)}{unit}"
        try:
            figure = self.figure(facts)
        except NotMeasured:
            return self.what, goal, "", "not measured"
        except WrongRuns:
            return self.what, goal, "", "**no**, wrong runs"
        is_reached = figure >= self.limit if self.is_least else figure <= self.limit
        return self.what, goal, f"{cell(float(figure))}{unit}", "yes" if is_reached else "**no**"


def lines(facts: Facts) -> list[tuple[str, str, str, str]]:
    """Return a line for each target."""
    return [target.line(facts) for target in TARGETS]


def _values(facts: Facts, part: str, name: str, where: Where) -> list[float]:
    """Return a column of the rows that have these values; there are some, and none is wrong."""
    if not facts.is_full(part):
        raise NotMeasured
    if facts.wrong(part, **where):
        raise WrongRuns
    found = [float(row[name]) for row in facts.rows(part, **where) if name in row]
    if not found:
        raise NotMeasured
    return found


def _column(part: str, name: str, **where: object) -> Figure:
    """Return the median of a column in the rows that have these values."""
    return lambda facts: median(_values(facts, part, name, where))


def _ratio(part: str, name: str, above: Where, below: Where) -> Figure:
    """Return the ratio of a column in rows to that in other rows of the same rounds."""
    return lambda facts: paired(*(_values(facts, part, name, each) for each in (above, below)))


def _rate(part: str, above: str, below: str, **game: object) -> Figure:
    """Return the rate of a candidate to that of another one."""
    return _ratio(part, "rate", {"candidate": above, **game}, {"candidate": below, **game})


def _cpu(part: str, above: str, below: str) -> Figure:
    return _ratio(part, "cpu_seconds", {"candidate": above}, {"candidate": below})


def _scaling(facts: Facts) -> float:
    if facts.cores("throughput") < FREE_CORES:
        raise NotMeasured
    return _rate("throughput", TWO_PROCESSES, OURS)(facts)


def _to_reduce(facts: Facts) -> float:
    """Return our rate to that of the faster way of Kafka Streams' `reduce`."""
    return min(_rate("java", OURS, each)(facts) for each in (CACHED, EACH))


def _bytes_per_user(flow: str) -> Figure:
    """Return the increase of the memory of a flow for each user more."""

    def figure(facts: Facts) -> float:
        users = sorted({row["users"] for row in facts.rows("restarts", flow=flow)})
        if len(users) < 2:  # noqa: PLR2004 - a slope has two ends
            raise NotMeasured
        low, high = (
            _column("restarts", "resident_mib", flow=flow, users=each)(facts)
            for each in (users[0], users[-1])
        )
        return (high - low) / int(users[-1] - users[0]) * 2**20

    return figure


def _sse(guarantee: str, boards: int) -> dict[str, object]:
    return {"to": "SSE", "rate": 1_000, "guarantee": guarantee, "boards": boards}


def _latency(name: str, guarantee: str) -> Figure:
    """Return a latency without a limit of boards."""
    return _column("latency", name, **_sse(guarantee, 0))


def _exactness(name: str) -> Figure:
    """Return what exactly once costs with the default of 20 boards/s."""
    return _ratio("latency", name, _sse("exactly_once", 20), _sse("at_least_once", 20))


def _back(flow: str) -> Figure:
    return _column("restarts", "seconds", flow=flow, users=1_000_000)


def _idle(flow: str) -> Figure:
    return _column("restarts", "idle_percent", flow=flow)


def _page(name: str, **where: object) -> Figure:
    where = {"path": "/live", "updates_per_second": 20, "clients": 5_000, "scores": 300, **where}
    return _column("fanout", name, **where)


def _board(name: str) -> Figure:
    where = {"path": "/highScores", "clients": 5_000, "updates_per_second": 5}
    return _column("fanout", name, **where)


def _ranks(name: str, way: str) -> Figure:
    return _column("ranks", name, who=f"ours, {way}", users=1_000_000)


TARGETS = (
    Target(
        "catch-up with `-w 1` and at least once, to a loop that produces the improvements",
        _rate("throughput", AT_LEAST_ONCE, LOOP),
        1.15,
        is_least=True,
    ),
    Target(
        "the same, exactly once (the default), to at least once",
        _rate("throughput", OURS, AT_LEAST_ONCE),
        0.85,
        is_least=True,
    ),
    Target(
        "the default, to the naive Bytewax flow",
        _rate("others", OURS, NAIVE),
        6,
        is_least=True,
    ),
    Target(
        "the same, to Kafka Streams `reduce`, the faster way",
        _to_reduce,
        3,
        is_least=True,
    ),
    Target(
        "the same, to a hand-tuned Kafka Streams Processor",
        _rate("java", OURS, TUNED),
        2,
        is_least=True,
    ),
    Target("its CPU, to that Processor's", _cpu("java", OURS, TUNED), 1 / 3),
    Target(
        "at least once, as that Processor, to it",
        _rate("java", AT_LEAST_ONCE, TUNED),
        2,
        is_least=True,
    ),
    Target("the same, its CPU", _cpu("java", AT_LEAST_ONCE, TUNED), 1 / 3),
    Target(
        "a replay where nothing improves, to the loop",
        _rate("variants", OURS, LOOP, is_replay=True),
        0.95,
        is_least=True,
    ),
    Target(
        "a million users, to the loop",
        _rate("variants", OURS, LOOP, users=1_000_000),
        0.85,
        is_least=True,
    ),
    Target(
        "boards of all time, day and week, to that of all time alone",
        _rate("variants", THREE_BOARDS, OURS, days=3),
        0.7,
        is_least=True,
    ),
    Target(
        "`-w 2` in one process, to `-w 1`",
        _rate("throughput", TWO_WORKERS, OURS),
        1,
        is_least=True,
    ),
    Target(
        "CPU of two processes, to one",
        _cpu("throughput", TWO_PROCESSES, OURS),
        1.15,
    ),
    Target(
        f"throughput of two processes, to one, where {FREE_CORES} cores are",
        _scaling,
        1.7,
        is_least=True,
    ),
    Target(
        "latency to SSE at 1,000 scores/s, at least once, boards without a limit, p50",
        _latency("p50_ms", "at_least_once"),
        5,
        "ms",
    ),
    Target("the same, p99", _latency("p99_ms", "at_least_once"), 25, "ms"),
    Target("the same, exactly once, p50", _latency("p50_ms", "exactly_once"), 5, "ms"),
    Target("the same, p99", _latency("p99_ms", "exactly_once"), 25, "ms"),
    Target("at 20 boards/s, exactly once to at least once, p50", _exactness("p50_ms"), 1.5),
    Target("the same, p99", _exactness("p99_ms"), 2.5),
    Target("the same, CPU of the broker", _exactness("broker_cores"), 1.2),
    Target("highscores back after kill -9, 1 M users", _back("highscores"), 5, "s"),
    Target("top5 back after kill -9, 1 M users", _back("top5"), 5, "s"),
    Target("memory of highscores, a user", _bytes_per_user("highscores"), 250, "bytes"),
    Target("memory of top5, a user", _bytes_per_user("top5"), 200, "bytes"),
    Target("highscores idle, of a core", _idle("highscores"), 4, "%"),
    Target("top5 idle, of a core", _idle("top5"), 4, "%"),
    Target("web idle, of a core", _idle("web"), 4, "%"),
    Target(
        "5,000 pages, 300 scores/s, 20 boards/s, age of the newest board, p99",
        _page("age_p99_ms"),
        500,
        "ms",
    ),
    Target("the same, CPU of the web process", _page("server_cores"), 0.7, "cores"),
    Target("the same, memory that it grows by in five minutes", _page("grown_kib"), 4_096, "KiB"),
    Target("the same with 10,000 scores/s, age", _page("age_p99_ms", scores=10_000), 500, "ms"),
    Target("the same, CPU", _page("server_cores", scores=10_000), 0.7, "cores"),
    Target(
        "15,000 pages, more than a core can serve, age",
        _page("age_p99_ms", clients=15_000),
        2_000,
        "ms",
    ),
    Target("5,000 clients of the board at 5 boards/s, p99", _board("p99_ms"), 150, "ms"),
    Target("the same, CPU of the web process", _board("server_cores"), 0.5, "cores"),
    Target("the same, memory a client", _board("kib_per_client"), 30_000 / 1024, "KiB"),
    Target("5,000 connects at once, all served", _board("storm_seconds"), 5, "s"),
    Target(
        "ranks of 1 M users, 1,000 requests/s beside 1,000 updates/s, in the process, p99",
        _ranks("request_p99_ms", "in the process"),
        5,
        "ms",
    ),
    Target("the same, at a client", _ranks("request_p99_ms", "through HTTP"), 10, "ms"),
    Target(
        "how long reading them holds the event loop", _ranks("hold_ms", "in the process"), 5, "ms"
    ),
)
