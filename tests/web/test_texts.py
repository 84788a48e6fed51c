"""The texts of the page, and a file with a translation."""

import json
import re
import tomllib
from pathlib import Path

import pytest
from markupsafe import Markup

from conf.settings import InvalidSettings
from tests import ROOT
from web import texts

NAMES = tomllib.loads(texts.ENGLISH.read_text()).keys()
# Names that are put together: of a place, an outcome, a board, a field and a unit of time.
COMPOSED = re.compile("place_first|outcome_[a-z]+|all_time|day|week|month|token|[a-z]+s")


def write(tmp_path, content):
    path = tmp_path / "texts.toml"
    path.write_text(content)
    return str(path)


def test_a_translation_replaces_texts_and_the_missing_stay_english_and_are_logged(tmp_path, caplog):
    path = write(tmp_path, 'language = "de"\nfind = "Suchen"')
    loaded = texts.load(path)

    assert [loaded.fill(name) for name in ("language", "find", "pause")] == [
        "de",
        "Suchen",
        "Pause",
    ]
    assert json.loads(loaded.json)["find"] == "Suchen"
    (logged,) = caplog.messages
    assert path in logged
    assert {"pause", "live"} <= set(logged.split(": ")[1].split(", "))


def test_english_is_complete(caplog):
    assert texts.load("").fill("top", size=5) == "Top 5"
    assert caplog.messages == []


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ('fnid = "Suchen"', "fnid: there is no such text"),
        ("find = 5", "find: it is no text"),
        ('[find]\nit = "x"', "find: it is no text"),
        ('top = "Top {count}"', "top: nothing fills {count}"),
        ("find = ", "Invalid value"),
    ],
)
def test_a_wrong_translation_is_refused_in_one_line_that_names_it(tmp_path, content, reason):
    path = write(tmp_path, content)
    with pytest.raises(InvalidSettings) as raised:
        texts.load(path)

    (line,) = str(raised.value).splitlines()
    assert line.startswith("setting web.texts: ")
    assert reason in line
    assert path in line


def test_a_file_that_is_not_there_is_named():
    with pytest.raises(InvalidSettings, match=r"^setting web.texts: '/none': No such file"):
        texts.load("/none")


def test_texts_and_values_are_escaped_unless_a_value_is_markup(tmp_path):
    loaded = texts.load(write(tmp_path, 'leader = "<b>{user}</b> {score}"\nfind = "</script>"'))
    filled = loaded.fill("leader", user="<i>{score}", score=Markup("<u>7</u>"))

    assert filled == Markup("&lt;b&gt;&lt;i&gt;{score}&lt;/b&gt; <u>7</u>")
    assert "<" not in loaded.json


def test_numbers_have_the_separator_of_the_language(tmp_path):
    assert texts.load(write(tmp_path, 'separator = "."')).group(1_234_567) == "1.234.567"


def test_a_separator_is_escaped_once(tmp_path):
    loaded = texts.load(write(tmp_path, 'separator = "\'"\nleader = "{user} {score}"'))

    assert loaded.fill("leader", user="ann", score=loaded.group(1_234)) == "ann 1&#39;234"


def test_each_text_is_used():
    sources = [
        *(ROOT / "web/templates").iterdir(),
        ROOT / "web/static/texts.js",
        Path(texts.__file__),
    ]
    used = set(re.findall(r'"([a-z_]+)"', "".join(source.read_text() for source in sources)))

    assert [name for name in NAMES - used if not COMPOSED.fullmatch(name)] == []
