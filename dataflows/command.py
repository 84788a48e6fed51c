"""What the command lines share: arguments, settings, and errors of one line."""

import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence

from confluent_kafka import KafkaException

from conf.loading import load
from conf.logs import set_up_logging
from conf.settings import InvalidSettings, Settings
from dataflows.kafka.topics import Unavailable, WrongTopic
from dataflows.process import FlowFailed
from dataflows.wire import BadMessage

ERRORS = (InvalidSettings, Unavailable, WrongTopic, FlowFailed, BadMessage, KafkaException)


def run(
    command: Callable[[Settings, Namespace], None],
    parser: ArgumentParser,
    arguments: Sequence[str] | None = None,
) -> int:
    """Run a command; returns status 1, after one line on stderr, where it fails.

    Unknown arguments end it with status 2 before anything happens. A reader that closes the pipe,
    such as `head`, is no failure.
    """
    options = parser.parse_args(arguments)
    set_up_logging()
    try:
        command(load(), options)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nothing is left to flush
    except ERRORS as error:
        print(error, file=sys.stderr)
        return 1
    return 0
