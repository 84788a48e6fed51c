"""What a shard has counted of `scores`, found again in the headers of its partition."""

from collections.abc import Sequence

from confluent_kafka import Message

from dataflows.messages import ORIGIN, Origin, decode_origin


def note_origins(counted: dict[int, int], topic_id: str, messages: Sequence[Message]) -> None:
    """Note the last offset from each partition of `scores`, looking at as few headers as possible.

    A header costs as much to read as the rest of a message. Each tells how many partitions had
    reached the shard by then, so the search goes back from the last until it has found so many:
    where the topics are co-partitioned, one header of a batch.

    Args:
        counted: Offset by partition of `scores`; raised to what is found.
        topic_id: Of `scores`; origins of another topic, deleted since, count for nothing.
        messages: A batch of the table, by offset; all batches must pass in their order.
    """
    found: dict[int, int] = {}
    sources = 0
    for message in reversed(messages):
        origin = _origin(message)
        if origin is None or origin.topic_id != topic_id:
            continue
        sources = sources if found else origin.sources
        found.setdefault(origin.partition, origin.offset)
        if len(found) == sources:
            break
    for partition, offset in found.items():
        counted[partition] = max(offset, counted.get(partition, -1))


def _origin(message: Message) -> Origin | None:
    value = dict(message.headers() or ()).get(ORIGIN)
    return decode_origin(value) if isinstance(value, bytes) else None
