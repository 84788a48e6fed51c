"""How long a client prefers to wait, pure. Source: https://www.rfc-editor.org/rfc/rfc7240."""

from collections.abc import Iterable
from urllib.request import parse_http_list

_DIGITS = 9  # of delta-seconds, at most


def wait_seconds(lines: Iterable[str]) -> int:
    """Give the seconds of the first preference `wait` in lines of the header Prefer; 0 for none.

    "If any preference is specified more than once, only the first instance is to be considered."
    What is no number is passed over, as the RFC demands of preferences that are not understood.
    """
    for preference in parse_http_list(",".join(lines)):
        name, _, value = preference.partition(";")[0].partition("=")
        if name.strip().lower() == "wait":
            return seconds(value.strip().strip('"'))
    return 0


def seconds(text: str) -> int:
    """Read a number of seconds, 0 for what is none."""
    is_number = text.isascii() and text.isdigit() and len(text) <= _DIGITS
    return int(text) if is_number else 0
