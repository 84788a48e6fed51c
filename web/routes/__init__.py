"""The routes, one module for each kind."""

from collections.abc import Iterator

from quart import Blueprint

from web.routes import board, operations, page, ranks, scores, streams, users
from web.services import Services


def blueprints(services: Services) -> Iterator[Blueprint]:
    """Yield the blueprint of each module."""
    for module in (page, scores, streams, board, ranks, users, operations):
        yield module.blueprint(services)
