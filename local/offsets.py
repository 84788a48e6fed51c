"""Where the partitions of topics end."""

import time

from confluent_kafka import Consumer, KafkaException, TopicPartition

from local import children

REQUEST_SECONDS = 30
PAUSE_SECONDS = 0.2  # before an offset is asked for again


def end_offset(consumer: Consumer, partition: TopicPartition) -> int:
    """Return where a partition ends; a new one has no leader at first, and is asked again.

    Raises:
        KafkaException: No answer within 30 s.
        SystemExit: After a signal; see `children.exit_on_signals`.
    """
    deadline = time.monotonic() + REQUEST_SECONDS
    while True:
        try:
            return int(consumer.get_watermark_offsets(partition, REQUEST_SECONDS)[1])
        except KafkaException:
            if time.monotonic() > deadline:
                raise
        children.exit_if_asked()
        time.sleep(PAUSE_SECONDS)
