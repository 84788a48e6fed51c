"""How often an AdminClient that asks once a second tries a broker that was killed.

    python admin_reconnects.py 127.0.0.1:9092,127.0.0.1:9093,127.0.0.1:9094
    python admin_reconnects.py 127.0.0.1:9092,... enable.sparse.connections=false

Kill one of the three brokers meanwhile. Prints, each second, the CPU time and the connection
attempts to each broker, by librdkafka's own statistics.
"""

import json
import sys
import time

from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec

TOPIC = "admin-reconnects"
PARTITIONS = 6
SECONDS = 15


class Watched:
    """An AdminClient whose statistics count the connection attempts to each broker."""

    def __init__(self, address: str, properties: dict[str, str]) -> None:
        self.attempts: dict[str, int] = {}
        ours = {"statistics.interval.ms": "250", "stats_cb": self._note, "log_level": "0"}
        self._admin = AdminClient({"bootstrap.servers": address, **ours, **properties})
        self._admin.create_topics([NewTopic(TOPIC, PARTITIONS, 3)])[TOPIC].exception()

    def ask(self) -> None:
        """Ask for the end of each partition, at its leader."""
        self._admin.list_topics(timeout=1)
        places = [TopicPartition(TOPIC, partition) for partition in range(PARTITIONS)]
        asked = dict.fromkeys(places, OffsetSpec.latest())
        for future in self._admin.list_offsets(asked, request_timeout=1).values():
            future.exception()
        self._admin.poll(0)

    def _note(self, text: str) -> None:
        brokers = json.loads(text)["brokers"].values()
        self.attempts |= {each["name"]: each["connects"] for each in brokers}


def main(address: str, *properties: str) -> None:
    """Ask once a second."""
    admin = Watched(address, dict(each.split("=", 1) for each in properties))
    for second in range(SECONDS):
        before, used = dict(admin.attempts), time.process_time()
        admin.ask()
        time.sleep(1)
        tries = {name: count - before.get(name, 0) for name, count in admin.attempts.items()}
        print(f"{second}: {time.process_time() - used:.2f} s of CPU, {tries}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
