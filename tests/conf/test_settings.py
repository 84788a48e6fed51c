"""Settings: the file says its defaults, the environment wins, and what is wrong is named."""

import re
import tomllib

import pytest

from conf.settings import DEFAULTS, RESERVED, InvalidSettings, load


def lines():
    return [line for line in DEFAULTS.read_text().splitlines() if re.match(r"^\w+ = ", line)]


@pytest.mark.parametrize("line", lines())
def test_every_value_says_its_default_and_is_it(line):
    found = re.match(r"^\w+ = (.+?) *# (?:.*; )?default (.+)$", line)

    assert found, line
    assert tomllib.loads(f"x = {found[1]}") == tomllib.loads(f"x = {found[2]}")


def test_the_environment_goes_before_a_file_and_a_file_before_the_defaults(monkeypatch, tmp_path):
    mine = tmp_path / "mine.toml"
    mine.write_text('group = "mine"\n[web]\nport = 1\n')
    monkeypatch.setenv("LEADERBOARD_SETTINGS", str(mine))
    monkeypatch.setenv("LEADERBOARD_WEB__PORT", "2")

    settings = load()

    assert (settings.group, settings.web.port, settings.web.host) == ("mine", 2, "127.0.0.1")


@pytest.mark.parametrize(
    ("variable", "value", "named"),
    [
        ("LEADERBOARD_WEB__PORT", "99999", "web.port"),
        ("LEADERBOARD_GUARANTEE", "maybe", "guarantee"),
        ("LEADERBOARD_TOPICS__SCORES__FORMAT", "xml", "topics.scores.format"),
        ("LEADERBOARD_TOPICS__SCORES__NAME", "no spaces", "topics.scores.name"),
        ("LEADERBOARD_TOPICS__HIGH_SCORES__FORMAT", "int32", "high_scores.format int32"),
        ("LEADERBOARD_KAFKA", "{", "kafka"),
        ("LEADERBOARD_GROPU", "x", "LEADERBOARD_GROPU"),
        ("LEADERBOARD_WEB__PROT", "1", "web.prot"),
        ("LEADERBOARD_WEB__CERTIFICATE", "a.pem", "web.private_key"),
        ("LEADERBOARD_SETTINGS", "/nowhere.toml", "/nowhere.toml"),
    ],
)
def test_what_is_wrong_is_named_in_one_line(monkeypatch, variable, value, named):
    monkeypatch.setenv(variable, value)

    with pytest.raises(InvalidSettings) as raised:
        load()

    assert named in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("name", sorted(RESERVED))
def test_what_correctness_rests_on_may_not_be_set(monkeypatch, name):
    monkeypatch.setenv("LEADERBOARD_KAFKA", f'{{"{name}": "1"}}')

    with pytest.raises(InvalidSettings, match=re.escape(name)):
        load()
