"""Show the topics, and create what is missing where the setting `create_topics` allows it.

python -m dataflows.topics
"""

import sys
from argparse import Namespace
from collections.abc import Sequence

from conf.settings import Settings
from dataflows import command
from dataflows.kafka.topics import await_topics


def show(settings: Settings, _options: Namespace) -> None:
    """Print a line for each topic."""
    for topic in await_topics(settings).values():
        policy = topic.config.get("cleanup.policy")
        print(f"{topic.name}: {topic.partitions} partitions, {policy}, id {topic.id}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its status."""
    return command.run(show, command.parser("topics", __doc__), arguments)


if __name__ == "__main__":
    sys.exit(main())
