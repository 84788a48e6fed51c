"""Which hosts are served, and which requests may post; pure.

Another site can make a browser send a request that its user does not know of: such a post is
refused. That site can even point a name of its own at this machine (DNS rebinding); the browser
then sees one origin, and only the name of the host shows the difference.
"""

import hmac
from collections.abc import Collection
from functools import partial
from ipaddress import ip_address
from typing import NamedTuple
from urllib.parse import urlsplit

DEFAULT_PORTS = {80, 443}
# A proxy that replaces the header Host, as nginx does by default, hides which name a browser asked
# for. Then the page has this cookie, which browsers send from this site alone: SameSite=Strict.
COOKIE = "own_page"


def served_hosts(
    listens_on: str, wanted: Collection[str], trusted_proxies: int
) -> Collection[str] | None:
    """Return the names of the hosts that are served; None for any.

    Without a setting, an app that only this machine can reach serves this machine's names. Behind a
    proxy, or where others can reach it, only its operator knows its names.
    """
    if wanted:
        return {name.lower() for name in wanted}
    return {"localhost"} if _is_local(listens_on) and not trusted_proxies else None


def is_served(host: str, names: Collection[str] | None) -> bool:
    """Return whether the header Host has one of these names or an address: no name leads to one.

    Browsers always send Host, so a request without it is served.
    """
    if names is None or not host:
        return True
    try:
        name = (urlsplit(f"//{host}").hostname or "").removesuffix(".")
    except ValueError:
        return False
    return name in names or _is_address(name) or name.endswith(".localhost")


def is_from_another_origin(site: str | None, origin: str | None, target: "Target") -> bool:
    """Return whether a page of another origin made a browser send a request.

    Browsers say so in Sec-Fetch-Site over HTTPS; else they name that origin. A program sends
    neither, and has no cookies or network of a victim to abuse. Source: https://words.filippo.io/csrf

    Args:
        site: The header Sec-Fetch-Site.
        origin: The header Origin.
        target: What the request is sent to.
    """
    if site is not None:
        return site not in {"same-origin", "none"}
    if origin is None:
        return False
    place = partial(_host_and_port, is_proxied=target.is_proxied)
    own = {place(f"//{host}") for host in target.hosts} - {None}
    return place(origin) not in own and not target.has_cookie


class Target(NamedTuple):
    """What a post is sent to, as far as that is known."""

    hosts: Collection[str]  # with their ports
    is_proxied: bool = False  # proxies add ports to hosts, and drop them: ports count for nothing
    has_cookie: bool = False  # the cookie of the page, which browsers send from this site alone


def has_token(wanted: str, authorization: str | None, posted: str | None) -> bool:
    """Return whether a post has the wanted token, in the header Authorization or in the body.

    A header arrives decoded as Latin-1, whatever its client encoded it as: here UTF-8 or Latin-1.
    """
    scheme, _, bearer = (authorization or "").partition(" ")
    in_header = scheme.lower() == "bearer"
    token = _bytes(bearer.strip(), "latin-1") if in_header else _bytes(posted or "", "utf-8")
    accepted = [_bytes(wanted, encoding) for encoding in ("utf-8", "latin-1")]
    return not wanted or any([hmac.compare_digest(token, each) for each in accepted])  # noqa: C419 - all are compared


def _bytes(text: str, encoding: str) -> bytes:
    """Encode any text; what the encoding lacks is written out, so that no two texts are equal."""
    return text.encode(encoding, "backslashreplace")


def _host_and_port(url: str, *, is_proxied: bool) -> tuple[str, int | None] | None:
    """Return the name and the port that count of a URL; None if it has no name."""
    try:
        parts = urlsplit(url)
        port = None if is_proxied or parts.port in DEFAULT_PORTS else parts.port
    except ValueError:
        return None
    return ((parts.hostname or "").removesuffix("."), port) if parts.hostname else None


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _is_local(host: str) -> bool:
    return host == "localhost" or (_is_address(host) and ip_address(host).is_loopback)
