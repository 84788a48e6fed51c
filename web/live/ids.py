"""Ids of boards, pure: the topic's id and the offset in it, so the same in every process."""


def write(topic_id: str, offset: int) -> str:
    """Write the id of the board that stands at that offset of `top-5`."""
    return f"{topic_id}:{offset}"


def is_newer(one: str, other: str) -> bool:
    """Say whether both are of the same topic, and the first is the newer; a bad id never is."""
    (topic_id, offset), (other_topic_id, other_offset) = map(_read, (one, other))
    return topic_id == other_topic_id and offset > other_offset >= 0


def _read(board_id: str) -> tuple[str, int]:
    topic_id, _, offset = board_id.rpartition(":")
    is_number = offset.isascii() and offset.isdigit() and len(offset) <= 19  # noqa: PLR2004 - int64
    return topic_id, int(offset) if is_number else -1
