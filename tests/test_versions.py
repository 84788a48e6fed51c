"""All places name the same version; each version is described, and what it wrote is kept."""

import json
import re
import tomllib
from datetime import date

from conf.version import version
from tests import ROOT

CHANGELOG = (ROOT / "CHANGELOG.md").read_text()
VERSIONS = re.findall(r"^## (\d+\.\d+\.\d+) \((.+)\)$", CHANGELOG, re.MULTILINE)


def test_every_place_names_the_version():
    lock = tomllib.loads((ROOT / "uv.lock").read_text())
    (locked,) = [each for each in lock["package"] if each["source"] == {"virtual": "."}]
    openapi = json.loads((ROOT / "web/openapi.json").read_text())
    images = [
        image
        for path in (ROOT / "deploy/kubernetes").glob("*.yaml")
        for image in re.findall(r"image: leaderboard:(\S+)", path.read_text())
    ]

    assert VERSIONS[0][0] == version()
    assert locked["version"] == version()
    assert openapi["info"]["version"] == version()
    assert images == [version()] * 3


def test_the_changelog_begins_with_what_is_unreleased_and_dates_each_version():
    titles = re.findall(r"^## (.+)$", CHANGELOG, re.MULTILINE)
    dates = [date.fromisoformat(day) for _, day in VERSIONS]

    assert titles == ["Unreleased", *[f"{name} ({day})" for name, day in VERSIONS]]
    assert dates == sorted(dates, reverse=True)


def test_what_each_version_has_written_is_kept():
    folders = {path.name for path in (ROOT / "tests/fixtures").iterdir()}

    assert folders == {name for name, _ in VERSIONS}
