"""The JSON of ranks: one user with the neighbours, a page of a board, the rows of some users."""

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from dataflows.leaderboard import Row
from dataflows.periods import ALL_TIME
from web.live import sized
from web.names import normalize
from web.ranks.rankings import NoScore, NotRanked, Ranked, Rankings

AROUND = 2  # rows above and below a user, unless a client asks for more
AROUND_MAX = 50
COUNT = 100  # rows of a page, unless it does

Document = dict[str, Any]
Make = Callable[[Ranked], Document]


def player(ranked: Ranked, name: str, distance: int) -> Document:
    """Return a user's rank, the rows at most this distance above and below, and the next better.

    Raises:
        NoScore: The user has none there.
    """
    own = _find(ranked, name)
    if own is None:
        where = f"{ranked.board}/{ranked.period}" if ranked.period else ranked.board
        msg = f"{name} has no score on {where}"
        raise NoScore(msg)
    return _player(ranked, own, distance)


def rank_event(ranked: Ranked, name: str, distance: int | None) -> Document:
    """Return the same, with nulls for a user without a score; without `around` where it is None."""
    own = _find(ranked, name)
    if own is not None:
        return _player(ranked, own, distance)
    nothing = {"rank": None, "user": name, "score": None, "time": None}
    around: Document = {} if distance is None else {"around": []}
    return _head(ranked) | nothing | around | {"next": None}


def encode_event(document: Document) -> bytes:
    """Write the document of an event; of the rows around as many as fit, the nearest ones."""
    encoded = encode(document)
    while len(encoded) > sized.BYTES and (rows := document.get("around")):
        distances = [abs(row["rank"] - document["rank"]) for row in rows]
        most = min(max(distances) * sized.BYTES // len(encoded), max(distances) - 1)
        near = [row for row, distance in zip(rows, distances, strict=True) if distance <= most]
        document = document | {"around": near}
        encoded = encode(document)
    return encoded


def page(ranked: Ranked, first: int, count: int, *, final: bool = False) -> Document:
    """Return the board's document with at most `count` rows, from the rank `first` on.

    `updated` is the time of the newest of these rows. `final` says that the period is closed.
    """
    rows = ranked.ranking.rows(first, count)
    updated = max((row.time for row in rows), default=0)
    state = {"final": final} if ranked.period else {}
    shown = {"updated": updated, "from": first, "rows": [_row(row) for row in rows]}
    return _head(ranked) | state | shown


def rows(ranked: Ranked, names: Iterable[str]) -> Document:
    """Return the rows of those of the users that have a score, by rank."""
    return {"rows": [_row(row) for row in sorted(_find_each(ranked, names))]}


def rank_of(rankings: Rankings, user: bytes) -> int | None:
    """Return a user's rank of all time, None without one, and while ranks are not ready."""
    try:
        with rankings.open(ALL_TIME) as ranked:
            found = ranked.ranking.find(user)
            return found.rank if found else None
    except NotRanked:
        return None


def user_of(rankings: Rankings, name: str) -> str:
    """Return the user that a name stands for, the name itself where the ranks know none."""
    try:
        with rankings.open(ALL_TIME) as ranked:
            found = _find(ranked, name)
            return found.user if found else name
    except NotRanked:
        return name


def encode(document: Document) -> bytes:
    """Write a document."""
    return msgspec.json.encode(document)


def _player(ranked: Ranked, own: Row, distance: int | None) -> Document:
    around = {}
    if distance is not None:
        around["around"] = [_row(row) for row in ranked.ranking.around(own.rank, distance)]
    return _head(ranked) | _row(own) | around | {"next": _next(ranked, own)}


def _find_each(ranked: Ranked, names: Iterable[str]) -> set[Row]:
    return {found for name in names if (found := _find(ranked, name))}


def _find(ranked: Ranked, name: str) -> Row | None:
    """Find a user by the name as it is, or else as the form of the page would have written it."""
    if found := ranked.ranking.find(name.encode("utf-8", "replace")):
        return found
    return ranked.ranking.find(normalize(name).encode("utf-8", "replace"))


def _head(ranked: Ranked) -> Document:
    period = {"period": ranked.period} if ranked.period else {}
    return {"board": ranked.board, **period, "players": len(ranked.ranking)}


def _row(row: Row) -> Document:
    return row._asdict() | {"score": str(row.score)}  # JavaScript's numbers are exact only to 2^53


def _next(ranked: Ranked, own: Row) -> Document | None:
    """Return the row above, as far as it tells whom to beat; None above the first."""
    if own.rank == 1:
        return None
    (row,) = ranked.ranking.rows(own.rank - 1, 1)
    return {"rank": row.rank, "user": row.user, "score": str(row.score)}
