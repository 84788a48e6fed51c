"""An oracle of the boards by period: from `scores` alone, with a calendar of its own."""

import contextlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple, TypeVar
from zoneinfo import ZoneInfo

from tests.support import oracle
from tests.support.oracle import Improvement, Seen
from tests.support.until import until_true

HOUR_MS = 3600 * 1000

Key = TypeVar("Key")


class Rules(NamedTuple):
    """What the settings say."""

    boards: tuple[str, ...] = ("day", "week", "month")
    zone: str = "UTC"
    late_hours: float = 24
    lowest: bool = False


def period(board: str, time_ms: int, zone: str) -> tuple[str, int]:
    """Return the name of the period of a time, and when it ends, in ms."""
    day = datetime.fromtimestamp(time_ms / 1000, ZoneInfo(zone)).date()
    if board == "day":
        return str(day), _begin(day + timedelta(days=1), zone)
    if board == "month":
        after = date(day.year + day.month // 12, day.month % 12 + 1, 1)
        return f"{day:%Y-%m}", _begin(after, zone)
    year, week, weekday = day.isocalendar()
    return f"{year}-W{week:02}", _begin(day + timedelta(days=8 - weekday), zone)


def _begin(day: date, zone: str) -> int:
    midnight = datetime.combine(day, datetime.min.time(), ZoneInfo(zone))
    return round(midnight.astimezone(UTC).timestamp() * 1000)


Found = dict[tuple[str, bytes], list[Improvement]]


def improvements(scores: Iterable[Seen], board: str, rules: Rules) -> Found:
    """Return what must stand on the table of a board, by period and user, in order."""
    found: Found = defaultdict(list)
    best: dict[str, dict[bytes, int]] = defaultdict(dict)
    ends: dict[str, int] = {}
    stream: dict[int, int] = defaultdict(int)
    for seen in sorted(scores, key=lambda seen: seen[:2]):
        user, origin, time = seen.key or b"", (seen.partition, seen.offset), max(seen.time, 1)
        made = None if seen.value is None else oracle.score(seen.value, "json")
        if not oracle.is_user(seen.key) or (made is None and seen.value is not None):
            continue
        late = rules.late_hours * HOUR_MS
        if made is None:
            for name, bests in best.items():
                if ends[name] + late > stream[seen.partition] and bests.pop(user, None) is not None:
                    found[name, user].append(Improvement(None, time, origin))
            continue
        stream[seen.partition] = max(stream[seen.partition], time)
        name, ends_at = period(board, time, rules.zone)
        ends[name] = ends_at
        points = -made if rules.lowest else made
        is_late = ends_at + late <= stream[seen.partition]
        if not is_late and (user not in best[name] or points > best[name][user]):
            best[name][user] = points
            found[name, user].append(Improvement(made, time, origin))
    return dict(found)


def written(table: Iterable[Seen]) -> Found:
    """Return what does stand on the table of a board, by period and user, in order."""
    found: Found = defaultdict(list)
    for seen in table:
        name, _, user = (seen.key or b"").partition(b"/")
        _, partition, offset = seen.headers["origin"].decode().split("/")
        made = None if seen.value is None else oracle.score(seen.value, "json")
        place = int(partition), int(offset)
        found[name.decode(), user].append(Improvement(made, seen.time, place))
    return dict(found)


def documents(found: Found, board: str, rules: Rules) -> dict[str, dict[str, Any]]:
    """Return the rows and the players of the last board of each period, by its key."""
    tables: dict[str, oracle.Standings] = defaultdict(dict)
    for (name, user), each in found.items():
        tables[name]
        if each[-1].score is not None:
            tables[name][user] = each[-1].score, each[-1].time
    return {f"{board}/{name}": _board(table, rules) for name, table in tables.items()}


def _board(table: oracle.Standings, rules: Rules) -> dict[str, Any]:
    sign = 1 if rules.lowest else -1
    order = sorted((sign * made, time, user) for user, (made, time) in table.items())[:5]
    rows = [
        {"rank": rank, "user": user.decode(), "score": str(sign * points), "time": time}
        for rank, (points, time, user) in enumerate(order, 1)
    ]
    return {"rows": rows, "players": len(table)}


def shown(boards: Sequence[Seen]) -> dict[str, dict[str, Any]]:
    """Return the rows and the players of the last document of each key of `top-5`."""
    return {(seen.key or b"").decode(): oracle.shown(seen.value or b"") for seen in boards}


def expected(scores: Sequence[Seen], rules: Rules) -> dict[str, dict[str, Any]]:
    """Return the rows and the players of the last board of each period and of all time."""
    found = {"all-time": _board(_all_time(scores, rules), rules)}
    for board in rules.boards:
        found |= documents(improvements(scores, board, rules), board, rules)
    return found


def drain(game: Any, rules: Rules) -> None:
    """Wait until everything is counted, and the boards are those of the last scores."""
    until_true(lambda: game.lag() == 0, 60)
    must = expected(game.read("scores"), rules)
    with contextlib.suppress(TimeoutError):
        until_true(lambda: shown(game.read("top_5")) == must, 60)
    found = shown(game.read("top_5"))
    wrong = {key for key in found.keys() | must.keys() if found.get(key) != must.get(key)}
    assert not wrong, {key: (found.get(key), must.get(key)) for key in wrong}


def finals(game: Any) -> set[str]:
    """Return the keys of the final boards."""
    boards = {
        (seen.key or b"").decode(): json.loads(seen.value or b"") for seen in game.read("top_5")
    }
    return {key for key, board in boards.items() if board.get("final")}


def check(game: Any, rules: Rules) -> None:
    """See that the tables and the last boards are what they must be, to the last message."""
    scores, boards = game.read("scores"), game.read("top_5")
    assert oracle.standings(game.read("high_scores")) == _all_time(scores, rules)
    for board in rules.boards:
        check_table(written(game.read(f"high_scores_{board}")), improvements(scores, board, rules))
    assert shown(boards) == expected(scores, rules)
    check_final(boards)


def _all_time(scores: Iterable[Seen], rules: Rules) -> oracle.Standings:
    sign = -1 if rules.lowest else 1
    best: oracle.Standings = {}
    for seen in scores:
        made = None if seen.value is None else oracle.score(seen.value, "json")
        if not oracle.is_user(seen.key) or (made is None and seen.value is not None):
            continue
        if made is None:
            best.pop(seen.key or b"", None)
        elif seen.key not in best or sign * made > sign * best[seen.key or b""][0]:
            best[seen.key or b""] = made, max(seen.time, 1)
    return best


def check_table(found: Found, must: Found) -> None:
    """See that each user's messages are right, in order, none twice; compaction drops early ones.

    Kafka closes a segment by the times in it, so what is played from the past is compacted soon.
    """
    for key, expected in must.items():
        rest = iter(expected)
        assert all(each in rest for each in found.get(key, [])), (key, found[key], expected)
        if expected[-1].score is not None:
            assert found[key][-1] == expected[-1], key
    assert not found.keys() - must.keys()


def check_lasts(game: Any, rules: Rules) -> None:
    """See that each user's last message and the last boards are right, whatever came before."""
    scores = game.read("scores")
    assert bests(oracle.written(game.read("high_scores"))) == bests(oracle.improvements(scores))
    for board in rules.boards:
        found = written(game.read(f"high_scores_{board}"))
        assert bests(found) == bests(improvements(scores, board, rules))
    assert shown(game.read("top_5")) == expected(scores, rules)
    check_final(game.read("top_5"))


def bests(found: Mapping[Key, list[Improvement]]) -> dict[Key, tuple[int | None, int]]:
    """Return the last score and its time of each user who is in a table."""
    lasts = {key: each[-1] for key, each in found.items()}
    return {key: each[:2] for key, each in lasts.items() if each.score is not None}


def check_final(boards: Iterable[Seen]) -> None:
    """See that each document names its key, and that none follows a final one."""
    final: set[bytes | None] = set()
    for seen in boards:
        assert seen.key not in final, seen
        found = json.loads(seen.value or b"")
        if seen.key != b"all-time":
            assert f"{found['board']}/{found['period']}".encode() == seen.key
            final |= {seen.key} if found["final"] else set()
