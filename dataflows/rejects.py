"""The sink `scores-rejected`: what cannot be read, as received, with why and where it stood."""

import logging
import time

from bytewax.outputs import FixedPartitionedSink
from prometheus_client import Counter

from conf import clients
from dataflows.kafka import Broker
from dataflows.messages import Rejected
from dataflows.writers import Flushed

log = logging.getLogger(__name__)

ENVELOPE_BYTES = 8 * 1024  # headers and framing of a rejected message, at most

rejected_total = Counter("scores_rejected", "Messages that could not be read", ["reason"])


class Rejects(FixedPartitionedSink[Rejected, None]):
    """The topic `scores-rejected`: what cannot be read, as received, at least once."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    def list_parts(self) -> list[str]:
        """Name the partitions of the topic."""
        return self._broker.parts("rejected")

    def part_fn(self, item_key: str) -> int:
        """Route by the partition of `scores`; Bytewax wraps around."""
        return int(item_key)

    def build_part(self, _step_id: str, for_part: str, _resume_state: None) -> "RejectsPartition":
        """Write one partition."""
        return RejectsPartition(self._broker, int(for_part))


class RejectsPartition(Flushed[Rejected]):
    """One partition of `scores-rejected`. What does not fit there is cut; a header says so."""

    def __init__(self, broker: Broker, partition: int) -> None:
        super().__init__(broker.writer())
        self._partition = partition
        self._topic = broker.topic("rejected")
        self._origin = broker.topic("scores").name
        limit = int(self._topic.config["max.message.bytes"])
        self._room = min(limit, clients.message_bytes(broker.settings)) - ENVELOPE_BYTES

    def write_batch(self, values: list[Rejected]) -> None:
        """Write, count and log messages that could not be read."""
        for rejected in values:
            rejected_total.labels(rejected.reason).inc()
            self._write(rejected)
        first = values[0]
        log.warning(
            "rejected %d messages, the first is %s[%d]@%d: %s",
            len(values),
            self._origin,
            first.partition,
            first.offset,
            first.reason,
        )
        self._writer.send()

    def _write(self, rejected: Rejected) -> None:
        key, value, cut = _fit(rejected.key, rejected.value, self._room)
        headers = {
            "reason": rejected.reason,
            "topic": self._origin,
            "partition": str(rejected.partition),
            "offset": str(rejected.offset),
            "timestamp": str(rejected.time),
        }
        self._writer.write(
            topic=self._topic.name,
            partition=self._partition,
            key=key,
            value=value,
            timestamp=time.time_ns() // 1_000_000,
            headers=headers | cut,
        )


def _fit(
    key: bytes | None, value: bytes | None, room: int
) -> tuple[bytes | None, bytes | None, dict[str, str]]:
    """Cut the value, then the key, to the room there is, and say in a header what they were."""
    key_bytes, value_bytes = len(key or b""), len(value or b"")
    if key_bytes + value_bytes <= room:
        return key, value, {}
    key = key and key[:room]
    value = value and value[: room - len(key or b"")]
    return key, value, {"cut": f"key of {key_bytes} and value of {value_bytes} bytes"}
