"""The board and the period that a request asks for."""

from quart import abort

from web.live.board import BoardFeed
from web.live.feeds import Feeds


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
