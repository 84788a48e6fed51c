"""How the messages of `scores` are read, in each format."""

from collections.abc import Callable, Sequence

from confluent_kafka import Message

from conf.settings import Settings
from dataflows.wire import BadMessage, score_codec

Decode = Callable[[Sequence[Message]], list[int | BadMessage | None]]
"""Reads scores: each is an int64, why it cannot be read, or None for a tombstone."""


class RegistryAway(ConnectionError):  # noqa: N818 - what has happened
    """The Schema Registry does not answer, or not as one would; nothing is known of the messages.

    Nothing is wrong with them: read them again later. Known schemas are not asked for again.
    """


def decoder(settings: Settings) -> Decode:
    """Return what reads scores one by one; with a Schema Registry it may raise RegistryAway."""
    topic = settings.topics.scores
    if topic.plain_format is None:
        return registry_decoder(settings)
    decode_each = score_codec(topic.plain_format, topic.field).decode_each
    return lambda messages: decode_each([message.value() for message in messages])


def registry_decoder(settings: Settings) -> Decode:
    """Return what reads scores with a Schema Registry."""
    # Only here: it takes half a second and 28 MB to load.
    from dataflows.registry import RegistryDecoder  # noqa: PLC0415

    return RegistryDecoder(settings)
