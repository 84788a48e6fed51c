"""Arguments that several programs take."""

from argparse import ArgumentParser, ArgumentTypeError

from conf.version import version


def add_version(parser: ArgumentParser) -> ArgumentParser:
    """Let a program print its version with `--version`."""
    parser.add_argument("--version", action="version", version=version())
    return parser


def count(text: str) -> int:
    """Return a number above 0.

    Raises:
        ArgumentTypeError: It is none.
    """
    if not text.isdecimal() or int(text) == 0:
        msg = f"{text} is not a whole number above 0"
        raise ArgumentTypeError(msg)
    return int(text)
