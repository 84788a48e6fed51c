"""Arguments of several programs are checked before anything starts."""

import pytest

from conf import arguments
from dataflows import __main__ as dataflows
from local import players
from web import __main__ as web


@pytest.mark.parametrize(
    ("program", "given"),
    [
        (dataflows.main, ["highscores", "--processes"]),
        (web.main, ["--workers"]),
        (players.main, ["--count"]),
    ],
)
@pytest.mark.parametrize("number", ["0", "-1", "two", "1.5", "²"])
def test_a_number_of_processes_or_scores_that_is_none_is_refused(program, given, number, capsys):
    with pytest.raises(SystemExit) as ended:
        program([*given[:-1], f"{given[-1]}={number}"])

    assert ended.value.code == 2
    assert f"{number} is not a whole number above 0" in capsys.readouterr().err


def test_a_number_above_0_is_taken():
    assert arguments.count("12") == 12
