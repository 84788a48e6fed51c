"""The recipes that the documents name are there, and give programs their arguments."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests import ROOT

PROGRAM = '#!/bin/sh\nprintf "%s\\n" "$@"\n'


TOOLS = ("python", "uv", "uvx", "ruff", "mypy")
RECIPES = sorted(
    {
        found
        for path in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
        for found in re.findall(r"(?:uv run |`)just ([a-z][\w /.-]*)", path.read_text())
    }
)


def just(folder, *arguments):
    """Run a recipe whose programs only print what they are given."""
    for name in TOOLS:
        (folder / name).write_text(PROGRAM)
        (folder / name).chmod(0o755)
    command = ["just", *arguments]
    folders = [str(folder), str(Path(sys.executable).parent), os.environ["PATH"]]
    return subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "PATH": os.pathsep.join(folders)},
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    ).stdout.splitlines()


@pytest.mark.parametrize("command", RECIPES)
def test_every_documented_recipe_runs_with_its_arguments(tmp_path, command):
    recipe, *arguments = command.split()
    given = just(tmp_path, recipe, *arguments)

    assert given
    assert given[len(given) - len(arguments) :] == arguments


@pytest.mark.parametrize(
    ("recipe", "module"),
    [
        ("bench", "bench"),
        ("chaos", "tests.pipeline.chaos"),
        ("demo", "local.demo"),
        ("test", "tests"),
    ],
)
def test_arguments_of_a_recipe_keep_their_quotes(tmp_path, recipe, module):
    given = ["-k", "one or 'two'", "$HOME", ""]

    assert just(tmp_path, recipe, *given) == ["-m", module, *given]
