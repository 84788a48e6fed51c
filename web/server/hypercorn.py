"""Hypercorn's side of one connection, with a fault of it mended."""

from hypercorn.asyncio.tcp_server import TCPServer


class HypercornConnection(TCPServer):
    """Serves the requests of one connection until the client closes it.

    Hypercorn 0.18 keeps a connection that its client has closed between two requests until
    `keep_alive_timeout`, since its idle task goes on. Here that task ends with the reading.
    Source: https://github.com/pgjones/hypercorn/blob/0.18.0/src/hypercorn/asyncio/tcp_server.py
    """

    async def _read_data(self) -> None:
        await super()._read_data()
        await self.idle_task.stop()
