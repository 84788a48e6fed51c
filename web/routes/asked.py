"""What a request asks for: a board, a period, numbers."""

from quart import abort, request
from werkzeug.routing import BaseConverter

from web.live.board import BoardFeed
from web.live.feeds import Feeds
from web.ranks.documents import AROUND, AROUND_MAX

LAST = 2**53  # rank: up to here JavaScript is exact


class UserConverter(BaseConverter):
    """A user at the end of a path: any text, slashes included."""

    regex = ".+"
    part_isolating = False


def board(feeds: Feeds, name: str) -> BoardFeed:
    """Return a board by its name, or end the request with 404."""
    if name not in feeds.boards:
        abort(404, f"there is no board {name!r}: the boards are {', '.join(feeds.boards)}")
    return feeds.boards[name]


def period(feed: BoardFeed, name: str | None) -> str:
    """Return the name of a period, None for the current one, or end the request with 404."""
    if name is None:
        return feed.period.name
    if reason := feed.refusal(name):
        abort(404, reason)
    return name


def first() -> int:
    """Return `from`, the first rank that is asked for, or end the request with 400."""
    return number("from", 1, 1, LAST)


def around() -> int:
    """Return `around`, the rows above and below that are asked for, or end the request with 400."""
    return number("around", AROUND, 0, AROUND_MAX)


def number(name: str, default: int, low: int, high: int) -> int:
    """Return a whole number of the query, or end the request with 400."""
    text = request.args.get(name, str(default))
    is_number = text.isascii() and text.isdigit() and len(text) <= len(str(high))
    if not is_number or not low <= int(text) <= high:
        abort(400, f"{name} must be a number from {low} to {high}")
    return int(text)
