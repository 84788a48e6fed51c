"""Parse a posted score from a form or JSON, or refuse it; pure."""

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple
from urllib.parse import parse_qsl
from urllib.request import parse_http_list

import msgspec

from conf.settings import Format
from dataflows.wire import BadMessage, check_user, score_codec
from web.names import normalize

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"

NOT_ACCEPTED = (
    "scores are not accepted here: producers write them to Kafka with the serializer of a "
    "Schema Registry"
)

_FIELDS = 10  # of a form, at most
_SECONDS_DIGITS = 9  # at most
_INTEGER = re.compile(r"[+-]?[0-9]{1,40}", re.ASCII)


class Refused(ValueError):  # noqa: N818 - what the post is
    """A post is refused; the text is for the client."""

    def __init__(self, status: int, field: str, text: str, *, retry_after: int = 0) -> None:
        super().__init__(text)
        self.status = status  # of HTTP
        self.field = field  # "user", "score", "token" or "body"
        self.retry_after = retry_after  # seconds, 0 where waiting does not help


class Submission(NamedTuple):
    """A posted score: the key and the value of its message, and what else the client sent."""

    key: bytes
    value: bytes
    score: int
    token: str | None
    wait_seconds: int = 0  # that the client is ready to wait for the outcome


class Rules(NamedTuple):
    """The limits of a user, and the format of a score; None: scores are not accepted."""

    user_max_bytes: int
    score_format: Format | None

    @property
    def body_max_bytes(self) -> int:
        """The longest body: six bytes for each byte of the user, as JSON escapes it, and more."""
        return 6 * self.user_max_bytes + 1024


def parse(content_type: str, body: bytes, rules: Rules) -> Submission:
    """Parse a body.

    Raises:
        Refused: With status 400, 403, 413, 415 or 422, the field, and what is wrong with it.
    """
    form = rules.score_format
    if form is None:
        raise Refused(403, "body", NOT_ACCEPTED)
    if len(body) > rules.body_max_bytes:
        text = f"the body is longer than {rules.body_max_bytes} bytes"
        raise Refused(413, "body", text)
    fields = _fields(content_type, body)
    token = fields.get("token")
    user, score = _user(fields.get("user"), rules), _score(fields.get("score"), form)
    return Submission(
        user,
        score_codec(form).encode(score),
        score,
        token if isinstance(token, str) else None,
        _seconds(str(fields.get("wait", ""))),
    )


def preferred_wait_seconds(lines: Iterable[str]) -> int:
    """Return the seconds of the first preference `wait` in the header Prefer, 0 for none.

    "If any preference is specified more than once, only the first instance is to be considered."
    A value that is not a number is ignored. Source: https://www.rfc-editor.org/rfc/rfc7240
    """
    for preference in parse_http_list(",".join(lines)):
        name, _, value = preference.partition(";")[0].partition("=")
        if name.strip().lower() == "wait":
            return _seconds(value.strip().strip('"'))
    return 0


def _seconds(text: str) -> int:
    is_number = text.isascii() and text.isdigit() and len(text) <= _SECONDS_DIGITS
    return int(text) if is_number else 0


def _fields(content_type: str, body: bytes) -> Mapping[str, object]:
    kind = content_type.partition(";")[0].strip().lower()
    if kind == FORM:
        return _form(body)
    if kind == JSON:
        return _json(body)
    text = f"the content type must be {FORM} or {JSON}, not {kind or 'missing'}"
    raise Refused(415, "body", text)


def _form(body: bytes) -> Mapping[str, object]:
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_FIELDS
        )
    except ValueError as error:
        text = f"the body must be a form in UTF-8 with at most {_FIELDS} fields"
        raise Refused(400, "body", text) from error
    fields = dict(pairs)
    return fields | {"score": fields["score"].strip()} if "score" in fields else fields


def _json(body: bytes) -> Mapping[str, object]:
    try:
        fields = msgspec.json.decode(body.decode())  # msgspec alone accepts invalid UTF-8
    except (ValueError, RecursionError) as error:
        text = "the body must be JSON in UTF-8"
        raise Refused(400, "body", text) from error
    if not isinstance(fields, dict):
        text = 'the body must be an object such as {"user": "ann", "score": 120}'
        raise Refused(400, "body", text)
    return fields


def _user(user: object, rules: Rules) -> bytes:
    """Return the user, normalized."""
    if not isinstance(user, str):
        text = "user is missing" if user is None else "user must be a string"
        raise Refused(422, "user", text)
    try:
        return check_user(normalize(user).encode(), rules.user_max_bytes)
    except BadMessage as error:
        text = f"user must have 1 to {rules.user_max_bytes} bytes of UTF-8 and no control character"
        raise Refused(422, "user", text) from error


def _score(score: object, form: Format) -> int:
    if score is None or score == "":
        text = "score is missing"
        raise Refused(422, "score", text)
    number = _integer(score)
    bits = 32 if form == "int32" else 64
    if not -(2 ** (bits - 1)) <= number < 2 ** (bits - 1):
        text = f"score must be from {-(2 ** (bits - 1))} to {2 ** (bits - 1) - 1}"
        raise Refused(422, "score", text)
    return number


def _integer(score: object) -> int:
    if isinstance(score, int) and not isinstance(score, bool):
        return score
    if isinstance(score, str) and _INTEGER.fullmatch(score):
        return int(score)
    text = "score must be a whole number: an integer or a string of digits"
    raise Refused(422, "score", text)
