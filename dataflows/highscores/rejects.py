"""The sink `scores-rejected`: messages that cannot be read, as received, with reason and origin."""

import logging
from collections import Counter

from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition

from conf import clients
from dataflows import metrics
from dataflows.context import FlowContext
from dataflows.kafka.producer import Headers, Record
from dataflows.kafka.topic_config import MESSAGE_BYTES
from dataflows.wire import Rejected

log = logging.getLogger(__name__)

ENVELOPE_BYTES = 8 * 1024  # headers and framing of a rejected message, at most


class RejectsSink(FixedPartitionedSink[Rejected, None]):
    """The topic `scores-rejected`, at least once."""

    def __init__(self, context: FlowContext) -> None:
        self._context = context

    def list_parts(self) -> list[str]:
        """Name the partitions of the topic."""
        return self._context.partitions("rejected")

    def part_fn(self, item_key: str) -> int:
        """Route by the partition of `scores`; Bytewax takes it modulo the partitions."""
        return int(item_key)

    def build_part(self, _step_id: str, for_part: str, _resume_state: None) -> "RejectsPartition":
        """Write one partition."""
        return RejectsPartition(self._context, int(for_part))


class RejectsPartition(StatefulSinkPartition[Rejected, None]):
    """One partition of `scores-rejected`. A message that does not fit is cut; a header says so."""

    def __init__(self, context: FlowContext, partition: int) -> None:
        self._writer = context.writer()
        self._partition = partition
        self._topic = context.topic("rejected")
        self._origin = context.topic("scores").name
        limit = int(self._topic.config.get("max.message.bytes", MESSAGE_BYTES))
        self._room = min(limit, clients.message_bytes(context.settings)) - ENVELOPE_BYTES

    def write_batch(self, values: list[Rejected]) -> None:
        """Write, count and log messages that could not be read."""
        for reason, count in Counter(rejected.reason for rejected in values).items():
            metrics.scores_rejected.labels(reason).inc(count)
        first = values[0]
        log.warning(
            "rejected %d messages, the first is %s[%d]@%d: %s",
            len(values),
            self._origin,
            first.partition,
            first.offset,
            first.reason,
        )
        self._writer.write(map(self._record, values))

    def snapshot(self) -> None:
        """Wait until the broker has this epoch; raises if it has not."""
        self._writer.flush()

    def _record(self, rejected: Rejected) -> Record:
        key, value, cut = _fit(rejected.key, rejected.value, self._room)
        headers: Headers = {
            "reason": rejected.reason,
            "topic": self._origin,
            "partition": str(rejected.partition),
            "offset": str(rejected.offset),
            "timestamp": str(rejected.time),
        }
        return self._topic.name, value, key, self._partition, None, None, 0, headers | cut


def _fit(
    key: bytes | None, value: bytes | None, room: int
) -> tuple[bytes | None, bytes | None, Headers]:
    """Cut the value, then the key, to the room there is, and name their sizes in a header."""
    key_bytes, value_bytes = len(key or b""), len(value or b"")
    if key_bytes + value_bytes <= room:
        return key, value, {}
    key = key and key[:room]
    value = value and value[: room - len(key or b"")]
    return key, value, {"cut": f"key of {key_bytes} and value of {value_bytes} bytes"}
