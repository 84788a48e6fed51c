"""The JSON of ranks: one user with the neighbours, a page of a board, the rows of some users."""

import unicodedata
from collections.abc import Iterable
from typing import Any

import msgspec

from dataflows.leaderboard import Row
from dataflows.periods import ALL_TIME
from web.ranks.rankings import NotRanked, Ranked, Rankings

Document = dict[str, Any]


def player(ranked: Ranked, name: str, distance: int) -> Document:
    """Return a user's rank, the rows at most this distance above and below, and the next better.

    Raises:
        NotRanked: The user has no score there.
    """
    rank = _rank(ranked, name)
    if rank is None:
        where = f"{ranked.board}/{ranked.period}" if ranked.period else ranked.board
        msg = f"{name} has no score on {where}"
        raise NotRanked(msg)
    ranking = ranked.ranking
    *above, own = ranking.around(rank, max(1, distance))[: min(rank, max(1, distance) + 1)]
    around = [_row(row) for row in ranking.around(rank, distance)]
    following = {"around": around, "next": _next(above[-1]) if above else None}
    return _head(ranked) | {"players": len(ranking)} | _row(own) | following


def page(ranked: Ranked, first: int, count: int, *, final: bool = False) -> Document:
    """Return the board's document with at most `count` rows, from the rank `first` on.

    `updated` is the time of the newest of these rows. `final` says that the period is closed.
    """
    rows = ranked.ranking.rows(first, count)
    updated = max((row.time for row in rows), default=0)
    head = _head(ranked) | ({"final": final} if ranked.period else {})
    counts = {"players": len(ranked.ranking), "updated": updated, "from": first}
    return head | counts | {"rows": [_row(row) for row in rows]}


def rows(ranked: Ranked, names: Iterable[str]) -> Document:
    """Return the rows of those of the users that have a score, by rank."""
    ranks = sorted({rank for name in names if (rank := _rank(ranked, name))})
    return {"rows": [_row(row) for rank in ranks for row in ranked.ranking.rows(rank, 1)]}


def rank_of(rankings: Rankings, user: bytes) -> int | None:
    """Return a user's rank of all time, None without one, and while ranks are not ready."""
    try:
        with rankings.open(ALL_TIME) as ranked:
            return ranked.ranking.rank(user)
    except NotRanked:
        return None


def encode(document: Document) -> bytes:
    """Write a document."""
    return msgspec.json.encode(document)


def _rank(ranked: Ranked, name: str) -> int | None:
    """Return the rank of a user, as named or as the form of the page would have written it."""
    normal = unicodedata.normalize("NFC", name).strip()
    found = (ranked.ranking.rank(each.encode("utf-8", "replace")) for each in (name, normal))
    return next((rank for rank in found if rank), None)


def _head(ranked: Ranked) -> Document:
    period = {"period": ranked.period} if ranked.period else {}
    return {"board": ranked.board} | period


def _row(row: Row) -> Document:
    return row._asdict() | {"score": str(row.score)}  # JavaScript's numbers are exact only to 2^53


def _next(row: Row) -> Document:
    return {"rank": row.rank, "user": row.user, "score": str(row.score)}
