"""Show the topics, and create what is missing where the setting `create_topics` allows it.

python -m dataflows.topics
"""

import sys
from argparse import ArgumentParser, Namespace
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
    parser = ArgumentParser(prog="python -m dataflows.topics", description=__doc__)
    return command.run(show, parser, arguments)


if __name__ == "__main__":
    sys.exit(main())
