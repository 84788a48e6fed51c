"""The recipes give programs their arguments as they were quoted."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import ROOT

PROGRAM = '#!/bin/sh\nprintf "%s\\n" "$@"\n'


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
    python = tmp_path / "python"
    python.write_text(PROGRAM)
    python.chmod(0o755)
    folders = [str(tmp_path), str(Path(sys.executable).parent), os.environ["PATH"]]
    command = ["just", recipe, "-k", "one or 'two'", "$HOME", ""]
    ended = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "PATH": os.pathsep.join(folders)},
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )

    assert ended.stdout.splitlines() == ["-m", module, *command[2:]]
