"""The certificate of the server: its files are read again when they change."""

import asyncio
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from hypercorn.config import Config

if TYPE_CHECKING:
    from ssl import SSLContext

log = logging.getLogger(__name__)

CHECK_SECONDS = 10

Versions = list[tuple[int, int]]


class Certificate:
    """Has a context for each new connection; None without TLS.

    Open connections keep the certificate of their handshake.
    """

    def __init__(self, config: Config) -> None:
        """Read the files.

        Raises:
            OSError: They cannot be read, or do not fit together.
        """
        config.keyfile_password = ""  # else OpenSSL asks the terminal for that of a key
        self._config = config
        self._versions = self._look()
        self.context: SSLContext | None = config.create_ssl_context()

    async def watch(self) -> None:
        """Look at the files every 10 s; those that cannot be used are logged once."""
        while self.context is not None:
            await asyncio.sleep(CHECK_SECONDS)
            self._reload()

    def _reload(self) -> None:
        versions = self._look()
        if versions == self._versions:
            return
        self._versions = versions
        try:
            self.context = self._config.create_ssl_context()
        except OSError as error:  # one file may be written before the other
            log.warning("the old certificate stays: %s: %s", self._config.certfile, error)
        else:
            log.info("new connections get the certificate that is now in %s", self._config.certfile)

    def _look(self) -> Versions:
        """Return what changes with the files; empty where one is missing."""
        names = (self._config.certfile, self._config.keyfile)
        try:
            found = [Path(name).stat() for name in names if name]
        except OSError:
            return []
        return [(each.st_mtime_ns, each.st_ino) for each in found]
