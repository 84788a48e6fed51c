"""The body of a stream, without a server."""

import pytest

from conf.loading import load
from web.routes import streams
from web.services import make_services


@pytest.mark.parametrize("chunks", [0, 1], ids=["before", "at"])
async def test_a_client_that_leaves_before_or_at_the_first_chunk_is_forgotten(chunks):
    services = make_services(load(), print, None)
    client = streams._Client("10.0.0.1", "", None, print)  # noqa: SLF001
    body = streams._body(services, services.feeds.live, client)  # noqa: SLF001
    for _ in range(chunks):
        await anext(body)
    await body.aclose()

    assert len(services.stream_limiter) == 0
    assert len(services.feeds.live) == 0
