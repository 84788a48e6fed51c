"""Who may post, pure: nothing that another site makes a browser send, and only with the token."""

import hmac
from urllib.parse import urlsplit

from web.submission import BadSubmission


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
    if site is None and (origin is None or urlsplit(origin).netloc == host):
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
