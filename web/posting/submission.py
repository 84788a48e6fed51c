"""What may be posted, pure: a body as a form or as JSON, read into a score of a user."""

import re
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import parse_qsl

import msgspec

from conf.settings import Format
from dataflows.wire import BadMessage, check_user, encode_score
from web.posting import prefer

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"

_FIELDS = 10  # of a form, at most
_INTEGER = re.compile(r"[+-]?[0-9]{1,40}", re.ASCII)


class BadSubmission(ValueError):  # noqa: N818 - what it is
    """A body that cannot be counted; the text says why, to whoever posted it."""

    def __init__(self, status: int, field: str, text: str, *, retry_after: int = 0) -> None:
        super().__init__(text)
        self.status = status  # of HTTP
        self.field = field  # "user", "score", "token" or "body"
        self.retry_after = retry_after  # seconds, 0 where waiting does not help


class Submission(NamedTuple):
    """A score that may be written: the key and the value of its message."""

    key: bytes
    value: bytes
    token: str | None
    wait_seconds: int = 0  # that whoever posted it would wait to know what becomes of it


class Rules(NamedTuple):
    """What a user and a score must keep to."""

    user_max_bytes: int
    form: Format

    @property
    def body_max_bytes(self) -> int:
        """The longest body that can be right: six for each byte of the user, and some more."""
        return 6 * self.user_max_bytes + 1024


def read(content_type: str, body: bytes, rules: Rules) -> Submission:
    """Read a body.

    Raises:
        BadSubmission: With status 400, 413, 415 or 422, the field and what is wrong with it.
    """
    if len(body) > rules.body_max_bytes:
        text = f"the body is longer than {rules.body_max_bytes} bytes"
        raise BadSubmission(413, "body", text)
    fields = _fields(content_type, body)
    token = fields.get("token")
    return Submission(
        _user(fields.get("user"), rules),
        _score(fields.get("score"), rules),
        token if isinstance(token, str) else None,
        prefer.seconds(str(fields.get("wait", ""))),
    )


def _fields(content_type: str, body: bytes) -> Mapping[str, object]:
    kind = content_type.partition(";")[0].strip().lower()
    if kind == FORM:
        return _form(body)
    if kind == JSON:
        return _json(body)
    text = f"the content type must be {FORM} or {JSON}, not {kind or 'missing'}"
    raise BadSubmission(415, "body", text)


def _form(body: bytes) -> Mapping[str, object]:
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_FIELDS
        )
    except ValueError as error:
        text = f"the body is no form in UTF-8 of at most {_FIELDS} fields"
        raise BadSubmission(400, "body", text) from error
    fields = dict(pairs)
    return fields | {"score": fields["score"].strip()} if "score" in fields else fields


def _json(body: bytes) -> Mapping[str, object]:
    try:
        fields = msgspec.json.decode(body.decode())  # msgspec would let bad UTF-8 pass
    except (ValueError, RecursionError) as error:
        text = "the body is no JSON in UTF-8"
        raise BadSubmission(400, "body", text) from error
    if not isinstance(fields, dict):
        text = 'the body must be an object such as {"user": "ann", "score": 120}'
        raise BadSubmission(400, "body", text)
    return fields


def _user(user: object, rules: Rules) -> bytes:
    if not isinstance(user, str):
        text = "user is missing" if user is None else "user must be a string"
        raise BadSubmission(422, "user", text)
    try:
        return check_user(user.encode(), rules.user_max_bytes)
    except BadMessage as error:
        text = f"user must have 1 to {rules.user_max_bytes} bytes of UTF-8"
        raise BadSubmission(422, "user", text) from error


def _score(score: object, rules: Rules) -> bytes:
    if score is None or score == "":
        text = "score is missing"
        raise BadSubmission(422, "score", text)
    number = _integer(score)
    bits = 32 if rules.form == "int32" else 64
    if not -(2 ** (bits - 1)) <= number < 2 ** (bits - 1):
        text = f"score must be from {-(2 ** (bits - 1))} to {2 ** (bits - 1) - 1}"
        raise BadSubmission(422, "score", text)
    return encode_score(number, rules.form)


def _integer(score: object) -> int:
    if isinstance(score, int) and not isinstance(score, bool):
        return score
    if isinstance(score, str) and _INTEGER.fullmatch(score):
        return int(score)
    text = "score must be a whole number: an integer or a string of digits"
    raise BadSubmission(422, "score", text)
