"""Commands as the documents have them, with this Python and without the settings of this shell."""

import os
import re
import shlex
import sys

from tests import ROOT


def lines(document, text):
    """Give the indented lines of a document that contain a text, without their comments."""
    found = re.findall(r"^    (.+)$", (ROOT / document).read_text(), re.MULTILINE)
    return [re.sub(r" +#.*", "", line) for line in found if text in line]


def line(document, text):
    """Give the only such line."""
    (found,) = lines(document, text)
    return found


def parse(command):
    """Return the environment and the words of a command."""
    words = shlex.split(re.sub(r"\b(uv run )?python\b(?= -m)", sys.executable, command))
    inherited = {name: it for name, it in os.environ.items() if not name.startswith("LEADERBOARD_")}
    while re.match(r"\w+=", words[0]):
        name, _, value = words.pop(0).partition("=")
        inherited[name] = value
    return inherited, words


def found(document, pattern):
    """Give the first group of a pattern in a document."""
    match = re.search(pattern, (ROOT / document).read_text(), re.DOTALL)
    assert match, pattern
    return match[1]
