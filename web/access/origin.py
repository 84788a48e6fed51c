"""Which hosts are served, and which requests may post; pure.

Another site can make a browser send a request that its user does not know of: such a post is
refused. That site can even point a name of its own at this machine (DNS rebinding); the browser
then sees one origin, and only the name of the host shows the difference.
"""

import hmac
from collections.abc import Collection
from ipaddress import ip_address
from urllib.parse import urlsplit


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


def is_from_another_origin(site: str | None, origin: str | None, host: str | None) -> bool:
    """Return whether a page of another origin made a browser send a request.

    Browsers say so in Sec-Fetch-Site; older ones name it in Origin. A program sends neither,
    and has no cookies or network of a victim to abuse. Source: https://words.filippo.io/csrf

    Args:
        site: The header Sec-Fetch-Site.
        origin: The header Origin.
        host: The header Host.
    """
    if site is not None:
        return site not in {"same-origin", "none"}
    return origin is not None and _authority(origin) != host


def has_token(wanted: str, authorization: str | None, posted: str | None) -> bool:
    """Return whether a post has the wanted token, in the header Authorization or in the body."""
    scheme, _, bearer = (authorization or "").partition(" ")
    token = bearer.strip() if scheme.lower() == "bearer" else posted or ""
    return not wanted or hmac.compare_digest(token.encode(), wanted.encode())


def _authority(origin: str) -> str:
    """Return the host and the port of an origin, "" if it is not a URL."""
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ""


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _is_local(host: str) -> bool:
    return host == "localhost" or (_is_address(host) and ip_address(host).is_loopback)
