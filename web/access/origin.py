"""Who may ask and who may post, pure.

A browser may be made by another site to send what its user does not know of: such a post is
refused. That site may even have its own name lead to this machine (DNS rebinding), and then it is
of the same origin for the browser: only the name of the host tells.
"""

import hmac
from collections.abc import Collection
from ipaddress import ip_address
from urllib.parse import urlsplit

from web.posting.submission import BadSubmission


def hosts(listens_on: str, wanted: Collection[str], trusted_proxies: int) -> Collection[str] | None:
    """Give the names of hosts that are answered for; None for any.

    Where nothing is set, an app that only this machine can reach answers for this machine's names.
    Behind a proxy, and where others can reach it, nobody knows its names but who runs it.
    """
    if wanted:
        return {name.lower() for name in wanted}
    return {"localhost"} if _is_local(listens_on) and not trusted_proxies else None


def is_served(host: str, names: Collection[str] | None) -> bool:
    """Say whether the header Host names one of these hosts, or an address, which no name leads to.

    A request without it is none of a browser.
    """
    if names is None or not host:
        return True
    try:
        name = (urlsplit(f"//{host}").hostname or "").removesuffix(".")
    except ValueError:
        return False
    return name in names or _is_address(name) or name.endswith(".localhost")


def check_origin(site: str | None, origin: str | None, host: str | None) -> None:
    """Refuse what another site made a browser send.

    Browsers say so in Sec-Fetch-Site, older ones name the site in Origin. A program sends neither,
    and has no cookies or network of a victim to abuse. Source: https://words.filippo.io/csrf

    Args:
        site: What the header Sec-Fetch-Site says.
        origin: What Origin says.
        host: What Host says.

    Raises:
        BadSubmission: With status 403.
    """
    if site in {"same-origin", "none"}:
        return
    if site is None and (origin is None or _place(origin) == host):
        return
    text = "scores are not taken from pages of another site"
    raise BadSubmission(403, "body", text)


def check_token(wanted: str, authorization: str | None, posted: str | None) -> None:
    """Refuse a post without the token, if one is wanted; it stands in a header or in the body.

    Raises:
        BadSubmission: With status 401.
    """
    if not wanted:
        return
    scheme, _, bearer = (authorization or "").partition(" ")
    given = bearer.strip() if scheme.lower() == "bearer" else posted or ""
    if not hmac.compare_digest(given.encode(), wanted.encode()):
        text = "the token is missing or wrong: not everyone may post scores here"
        raise BadSubmission(401, "token", text)


def _place(origin: str) -> str:
    """Give the host and the port of an origin, "" where it is none."""
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
