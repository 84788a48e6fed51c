"""The wire formats of all topics, pure: users, scores, origins and boards as bytes.

JSON: RFC 8259. `int32` and `int64`: what Kafka's IntegerSerializer and LongSerializer write.
"""

import re
import struct
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from operator import methodcaller
from typing import Annotated, Any, NamedTuple, Protocol

import msgspec

from conf.settings import Format
from dataflows.leaderboard import HIGHEST, LOWEST, Board, Row

ORIGIN = "origin"  # header of a message of `high-scores`: the score that it came from
REKEYED = "rekeyed"  # header of a message of `high-scores` that was moved to its partition
REASON = "reason"  # header of a tombstone of `scores`: why, for people
VOIDED = "voided"  # header of a tombstone of `scores`: the places of the scores that it takes back
SCHEMA = "__value_schema_id"  # header of a message of `scores`: its schema, by Confluent's clients
AGAIN = "again"  # header of a message of `scores` that is there already: its first place
POSITIONS = "positions"  # header of a message of `top-5`: how much of `high-scores` it shows

# Byte order mark, zero width space, word joiner: at an end of a user nobody sees them. The joiners
# U+200C and U+200D are no part of these, since names in some scripts end with them.
INVISIBLE = "\ufeff\u200b\u2060"

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")  # C0, delete, C1
_INVISIBLE_ENDS = re.compile(rf"\A[{INVISIBLE}]|[{INVISIBLE}]\Z")
_INTEGERS_AND_COMMAS = b"0123456789-,"


class BadMessage(ValueError):  # noqa: N818 - what it is, also as a reason in a header
    """A key or value that cannot be read; the text is the reason, for people and for metrics."""


class WithHeaders(Protocol):
    """A message, as far as its headers go."""

    def headers(self) -> Any:  # noqa: ANN401 - as confluent-kafka has it
        """Return pairs of names and values, or None."""

    def set_headers(self, value: Any) -> None:  # noqa: ANN401
        """Replace them."""


def detached(reason: BadMessage) -> BadMessage:
    """Return a reason to keep: one that was raised holds frames, and a batch in a cycle."""
    return BadMessage(*reason.args)


_headers = methodcaller("headers")  # unlike a direct call it checks what the binding returns


def header(message: WithHeaders, name: str) -> bytes | None:
    """Return the value of a header, None where it is not there; as `headers` for one name."""
    return headers(message).get(name)


def headers(message: WithHeaders) -> dict[str, bytes]:
    """Return the headers that have a value, the last of each name.

    Raises:
        BadMessage: The name of some header is not UTF-8: then the binding returns none of them.
            From now on the message has none: what the binding keeps of them ends the process by
            SIGSEGV where it is read a second time (confluent-kafka 2.16).
    """
    try:
        found = dict(_headers(message) or ())
    except (SystemError, UnicodeDecodeError) as error:
        message.set_headers([])
        msg = "a header's name is not UTF-8"
        raise BadMessage(msg) from error
    return {name: value for name, value in found.items() if isinstance(value, bytes)}


def check_user(key: bytes | None, max_bytes: int) -> bytes:
    """Return the user that a key names.

    A user has 1 to `max_bytes` bytes of UTF-8 without control characters: two users that look
    alike, such as "ann" and "ann" with a newline, would be two rows. A key that another serializer
    wrote has control characters too, most often.

    Raises:
        BadMessage: The key is no user; docs/formats.md has the reasons.
    """
    if not key:
        msg = "no user"
        raise BadMessage(msg)
    if len(key) > max_bytes:
        msg = "user too long"
        raise BadMessage(msg)
    try:
        user = key.decode()
    except UnicodeDecodeError as error:
        msg = "user not UTF-8"
        raise BadMessage(msg) from error
    if not user.isprintable():  # much faster than to search each user
        _refuse_unseen(user)
    return key


def are_users(keys: Sequence[bytes | None], max_bytes: int) -> bool:
    """Return whether all keys are users, each of printable characters only.

    Where it returns False, some may be users nevertheless: `check_user` tells of each.
    """
    if not all(keys) or max(map(len, keys), default=0) > max_bytes:  # type: ignore[arg-type]  # none is None
        return False
    try:  # a space is printable, and no character goes across it
        return b" ".join(keys).decode().isprintable()  # type: ignore[arg-type]
    except UnicodeDecodeError:
        return False


def _refuse_unseen(user: str) -> None:
    if _CONTROL.search(user):
        msg = "user with a control character"
        raise BadMessage(msg)
    if _INVISIBLE_ENDS.search(user):
        msg = "user with an invisible character at an end"
        raise BadMessage(msg)


def period_key(period: str, user: bytes) -> bytes:
    """Write the key of a user's best of a period: `period/user`."""
    return b"%b/%b" % (period.encode(), user)


def split_keys(keys: Iterable[bytes]) -> list[tuple[str, bytes]]:
    """Read keys of a table of periods: no period has a slash in it, a user may.

    What has no slash has no user; bytes of a period that are not ASCII are replaced.
    """
    parts = [key.partition(b"/") for key in keys]
    return [(name.decode("ascii", "replace"), user) for name, _, user in parts]


class ScoreCodec(ABC):
    """How the scores of a topic are written, where no Schema Registry is needed to read them."""

    @abstractmethod
    def encode(self, score: int) -> bytes:
        """Write a score.

        Raises:
            OverflowError: The score does not fit the format.
        """

    @abstractmethod
    def decode(self, value: bytes) -> int:
        """Read one score, an int64.

        Raises:
            BadMessage: It is not a score; docs/formats.md has a table of values.
        """

    @abstractmethod
    def _decode_joined(self, values: Sequence[bytes | None]) -> list[int] | None:
        """Read many scores at once; no value can borrow bytes of its neighbour."""

    def decode_all(self, values: Sequence[bytes | None]) -> list[int] | None:
        """Read many scores at once; returns None where each value must be read by itself."""
        try:
            return self._decode_joined(values)
        except TypeError:  # a None does not join: a tombstone
            return None

    def decode_each(self, values: Iterable[bytes | None]) -> list[int | BadMessage | None]:
        """Read scores one by one: the score, why it cannot be read, or None for a tombstone."""
        return [None if value is None else self._decode_or_reason(value) for value in values]

    def _decode_or_reason(self, value: bytes) -> int | BadMessage:
        try:
            return self.decode(value)
        except BadMessage as reason:
            return detached(reason)


class JsonScores(ScoreCodec):
    """JSON: an integer, or an object with an integer in one of its fields."""

    def __init__(self, field: str) -> None:
        name = msgspec.field(name=field)
        # Raw takes the last of duplicate fields.
        record = msgspec.defstruct("Record", [("score", msgspec.Raw, name)])
        self._decode_any = msgspec.json.Decoder(int | record).decode
        self._reason = f"not an integer or an object with an integer {field}"

    def encode(self, score: int) -> bytes:
        """Write a score as an integer, which every field name can read."""
        return b"%d" % score

    def decode(self, value: bytes) -> int:
        """Read one score."""
        try:
            found: Any = self._decode_any(value.decode())  # msgspec lets bad UTF-8 pass elsewhere
            score = found if isinstance(found, int) else _decode_integer(found.score)
        except (ValueError, RecursionError) as error:  # msgspec's errors are ValueErrors
            raise BadMessage(self._reason) from error
        return check_range(score)

    def _decode_joined(self, values: Sequence[bytes | None]) -> list[int] | None:
        """Read plain integers: digits, minus and exactly n-1 commas keep the values apart."""
        joined = b",".join(values)  # type: ignore[arg-type]  # a None raises TypeError
        if joined.translate(None, _INTEGERS_AND_COMMAS) or joined.count(b",") != len(values) - 1:
            return None
        try:
            scores = _decode_integers(b"[%b]" % joined)
        except (msgspec.DecodeError, ValueError):
            return None
        if len(scores) != len(values):  # one empty value alone
            return None
        return scores if min(scores) >= LOWEST and max(scores) <= HIGHEST else None


class IntegerScores(ScoreCodec):
    """Big-endian integers of 4 bytes ("i" of `struct`) or 8 ("q")."""

    def __init__(self, code: str) -> None:
        self._code = code
        self._width = struct.calcsize(f">{code}")

    def encode(self, score: int) -> bytes:
        """Write a score."""
        return score.to_bytes(self._width, "big", signed=True)

    def decode(self, value: bytes) -> int:
        """Read one score."""
        if len(value) != self._width:
            msg = f"not {self._width} bytes"
            raise BadMessage(msg)
        return int.from_bytes(value, "big", signed=True)

    def _decode_joined(self, values: Sequence[bytes | None]) -> list[int] | None:
        """Read integers: the length of each value is checked before they are joined."""
        if set(map(len, values)) != {self._width}:  # type: ignore[arg-type]  # raises TypeError
            return None
        joined = b"".join(values)  # type: ignore[arg-type]
        return list(struct.unpack(f">{len(values)}{self._code}", joined))


_CODECS = {"int32": IntegerScores("i"), "int64": IntegerScores("q")}
_decode_integers = msgspec.json.Decoder(list[int]).decode
_decode_integer = msgspec.json.Decoder(int).decode


def score_codec(form: Format, field: str = "score") -> ScoreCodec:
    """Return the codec of a format; only JSON has a `field`."""
    return _CODECS.get(form) or JsonScores(field)


def check_range(score: int) -> int:
    """Return a score.

    Raises:
        BadMessage: It is no int64.
    """
    if not LOWEST <= score <= HIGHEST:
        msg = "score beyond int64"
        raise BadMessage(msg)
    return score


class Rejected(NamedTuple):
    """A message of `scores` that cannot be read, as received, and why; `time` is its own, in ms."""

    key: bytes | None
    value: bytes | None
    reason: str
    partition: int
    offset: int
    time: int


class Origin(NamedTuple):
    """Where a best score came from: a message of `scores`, of the topic with that (short) id.

    `sources` counts the partitions that had reached its shard, this one included; 0: unknown.
    """

    topic_id: str
    partition: int
    offset: int
    sources: int = 0


def encode_origin(origin: Origin) -> bytes:
    """Write an origin as `id:sources/partition/offset`."""
    return origin_format(origin.topic_id, origin.sources, origin.partition) % origin.offset


def origin_format(topic_id: str, sources: int, partition: int) -> bytes:
    """Write the origins from one partition, with `%d` for the offset; an id has no `%`."""
    return b"%b:%d/%d/%%d" % (topic_id.encode(), sources, partition)


def decode_origin(value: bytes) -> Origin:
    """Read an origin.

    Raises:
        BadMessage: It is not an origin.
    """
    try:
        where, partition, offset = value.decode().rsplit("/", 2)
        topic_id, _, sources = where.partition(":")
        return Origin(topic_id, *map(_number, (partition, offset, sources or "0")))
    except ValueError as error:
        msg = f"origin {value!r} is not id:sources/partition/offset"
        raise BadMessage(msg) from error


def encode_positions(topic_id: str, positions: Iterable[int]) -> bytes:
    """Write the position of each partition of `high-scores` that a board shows, as `id:12,5,7`."""
    return f"{topic_id}:{','.join(map(str, positions))}".encode()


def decode_positions(value: bytes) -> tuple[str, tuple[int, ...]]:
    """Read the id of `high-scores` and the position of each partition that a board shows.

    Raises:
        BadMessage: It is not that.
    """
    try:
        topic_id, offsets = value.decode().split(":")
        return topic_id, tuple(map(_number, offsets.split(",")))
    except ValueError as error:
        msg = f"positions {value!r} are not id:offset,offset"
        raise BadMessage(msg) from error


class CommitMark(NamedTuple):
    """The metadata of a committed position: the ids of the topics, and the flow that committed it.

    `generation` grows with each start of a flow, by partition; of two flows that run at once the
    one with the greater mark is the younger. `stream` is the stream time at the position (see
    `stream_time.StreamTime.encode`), only where there are boards by period.
    """

    scores_id: str
    table_ids: tuple[str, ...]
    generation: int
    flow: str
    stream: tuple[int, ...] = ()


def encode_mark(mark: CommitMark) -> str:
    """Write a mark as `scores-id:table-ids:generation:flow`, and the five numbers of its stream."""
    tables = "+".join(mark.table_ids)
    return ":".join(map(str, (mark.scores_id, tables, *mark[2:4], *mark.stream)))


def decode_mark(metadata: str | None) -> CommitMark | None:
    """Read a mark; None: another program has committed. Earlier versions wrote only the ids."""
    scores_id, _, rest = (metadata or "").partition(":")
    tables, *parts = rest.split(":")
    if not rest or len(parts) not in {0, 2, 7}:
        return None
    generation, flow, *times = parts or ("0", "")
    try:
        number, *stream = map(_number, (generation, *times))
    except ValueError:
        return None
    return CommitMark(scores_id, tuple(tables.split("+")), number, flow, tuple(stream))


def _number(digits: str) -> int:
    """Read only digits: `int` also accepts signs, underscores and spaces."""
    if not (digits.isascii() and digits.isdigit()):
        raise ValueError(digits)
    return int(digits)


_Digits = Annotated[str, msgspec.Meta(pattern=r"\A-?[0-9]+\Z")]


class _Row(msgspec.Struct):
    rank: int
    user: str
    score: _Digits  # JavaScript's numbers are exact only to 2**53
    time: int


class _Board(msgspec.Struct, kw_only=True):
    board: str
    period: str | msgspec.UnsetType = msgspec.UNSET  # the board of all time has none
    final: bool | msgspec.UnsetType = msgspec.UNSET
    players: int
    updated: int
    rows: list[_Row]


def encode_board(board: Board) -> bytes:
    """Write a board as the JSON document of `top-5`, which goes to the browsers as it is."""
    document = _Board(
        board=board.board,
        period=board.period or msgspec.UNSET,
        final=board.final if board.period else msgspec.UNSET,
        players=board.players,
        updated=board.updated,
        rows=[_Row(rank, user, str(score), time) for rank, user, score, time in board.rows],
    )
    return msgspec.json.encode(document)


_decode_board = msgspec.json.Decoder(_Board).decode


def decode_board(value: bytes) -> Board:
    """Read a board.

    Raises:
        BadMessage: It is not a board.
    """
    try:
        found = _decode_board(value)
        rows = tuple(Row(row.rank, row.user, int(row.score), row.time) for row in found.rows)
    except (ValueError, RecursionError) as error:
        msg = f"not a board: {error}"
        raise BadMessage(msg) from error
    period = "" if found.period is msgspec.UNSET else found.period
    is_final = period != "" and found.final is True
    return Board(found.board, found.players, found.updated, rows, period, is_final)
