"""Hypercorn at one connection, and the app as Hypercorn may call it: two faults of it mended."""

from collections.abc import Callable

from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.asyncio.tcp_server import TCPServer
from hypercorn.typing import ASGIReceiveCallable, ASGISendCallable, Scope, WebsocketCloseEvent


class HypercornConnection(TCPServer):
    """What is said on a connection, until the client leaves."""

    async def _read_data(self) -> None:
        """Read, and forget a client who has left at once: Hypercorn waits for its next request."""
        await super()._read_data()
        await self.idle_task.stop()


class HttpOnly(ASGIWrapper):
    """The app, which has no websockets: they are refused before it hears of them."""

    async def __call__(
        self,
        scope: Scope,
        receive: ASGIReceiveCallable,
        send: ASGISendCallable,
        sync_spawn: Callable[..., object],
        call_soon: Callable[..., object],
    ) -> None:
        """Let the app answer a request."""
        if scope["type"] == "websocket":
            await send(WebsocketCloseEvent(type="websocket.close", code=1000, reason=None))
        else:
            await super().__call__(scope, receive, send, sync_spawn, call_soon)
