"""Who sends a request, and to what: by its headers and the settings."""

from quart import Request

from conf.settings import Web
from web.access import forwarded, origin


class Asking:
    """Reads the headers of requests as far as the settings trust them."""

    def __init__(self, web: Web) -> None:
        self._web = web

    def client_address(self, request: Request) -> str:
        """Return the address by which a client is limited."""
        peer, lines = request.remote_addr or "", request.headers.getlist("X-Forwarded-For")
        return forwarded.client_address(peer, lines, self._web.trusted_proxies)

    def asked_host(self, request: Request) -> str:
        """Return the host that the client asked for."""
        lines = request.headers.getlist("X-Forwarded-Host")
        host = request.headers.get("Host", "")
        return forwarded.asked_host(host, lines, self._web.trusted_proxies)

    def hides_host(self, request: Request) -> bool:
        """Return whether a proxy may have replaced the name that the client asked for."""
        named = self._web.hosts or "X-Forwarded-Host" in request.headers
        return self._web.trusted_proxies > 0 and not named

    def is_from_another_origin(self, request: Request) -> bool:
        """Return whether a page of an origin that may not post made a browser send a request."""
        if request.headers.get("Origin") in self._web.post_origins:
            return False
        is_proxied = self._web.trusted_proxies > 0
        target = origin.Target(
            (self.asked_host(request), *(self._web.hosts if is_proxied else ())),
            is_proxied=is_proxied,
            has_cookie=self.hides_host(request) and origin.COOKIE in request.cookies,
        )
        site, sender = map(request.headers.get, ("Sec-Fetch-Site", "Origin"))
        return origin.is_from_another_origin(site, sender, target)
