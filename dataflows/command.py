"""What the command lines share: arguments, settings, and errors of one line."""

import os
import sys
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Callable, Sequence

from confluent_kafka import KafkaException

from conf.arguments import add_version
from conf.loading import start
from conf.settings import InvalidSettings, Settings
from dataflows.kafka.topics import Unavailable, WrongTopic
from dataflows.process import FlowFailed
from dataflows.scores import RegistryAway
from dataflows.wire import BadMessage

INTERRUPTED = 130  # the status that shells report for SIGINT


class Refused(RuntimeError):  # noqa: N818 - what the command is
    """The command does nothing; the text names the reason and the remedy."""


ERRORS = (InvalidSettings, Unavailable, WrongTopic, Refused, RegistryAway, BadMessage)


def parser(name: str, text: str | None) -> ArgumentParser:
    """Return the parser of a command; `--help` shows the text as it is."""
    made = ArgumentParser(
        prog=f"python -m dataflows.{name}",
        description=text,
        formatter_class=RawDescriptionHelpFormatter,
    )
    return add_version(made)


def run(
    command: Callable[[Settings, Namespace], object],
    parser: ArgumentParser,
    arguments: Sequence[str] | None = None,
) -> int:
    """Run a command; returns status 1, after one line on stderr, where it fails.

    Unknown arguments end it with status 2 before anything happens, Ctrl-C with 130. A reader that
    closes the pipe, such as `head`, is no failure.
    """
    options = parser.parse_args(arguments)
    try:
        command(start(parser.prog.rpartition(".")[2]), options)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nothing is left to flush
    except KeyboardInterrupt:
        return INTERRUPTED
    except FlowFailed:  # the log has it
        return 1
    except KafkaException as error:
        print(f"Kafka: {error.args[0].str()}", file=sys.stderr)
        return 1
    except ERRORS as error:
        print(error, file=sys.stderr)
        return 1
    return 0
