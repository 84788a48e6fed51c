"""What the documents name is there: files, settings, modules, recipes, statuses."""

import argparse
import importlib.util
import re
import runpy
import shlex
import sys
import tomllib

import pytest
import trustme

from conf.environment import PREFIX
from conf.loading import DEFAULTS, load
from dataflows import process
from tests import ROOT

DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)")
MODULE = re.compile(r"python -m ([a-z0-9_.]+)(?: (dataflows\.\w+))?")
VARIABLE = re.compile(rf"\b{PREFIX}([A-Z0-9_]+)")
COMMAND = re.compile(
    r"(?:^    |`)(?:[^`\n]*\s)?python -m (?!tests)([\w.]+[^`\n]*?)(?: +#.*)?(?:`|$)", re.MULTILINE
)
PLACEHOLDER = re.compile(r"\b[A-Z_]{3,}\b")
RECIPE = re.compile(r"uv run just ([a-z]+)|`just ([a-z]+)")


def matches(pattern):
    return [
        pytest.param(document, found, id=f"{document.relative_to(ROOT)}-{found.group()}")
        for document in DOCUMENTS
        for found in {
            found.group(): found for found in pattern.finditer(document.read_text())
        }.values()
    ]


COMMANDS = sorted(
    {
        command.strip()
        for document in DOCUMENTS
        for command in COMMAND.findall(document.read_text())
        if not PLACEHOLDER.search(command)
    }
    - {"dataflows", "dataflows.correct"}  # names of programs, without what they need
)


def anchors(path):
    titles = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title).strip().lower().replace(" ", "-") for title in titles}


@pytest.mark.parametrize(("document", "found"), matches(LINK))
def test_every_link_leads_somewhere(document, found):
    path = (document.parent / found[1]) if found[1] else document

    assert path.exists()
    assert found[2] is None or found[2] in anchors(path)


@pytest.mark.parametrize(("document", "found"), matches(MODULE))
def test_every_program_is_there(document, found):
    for name in filter(None, found.groups()):
        assert importlib.util.find_spec(name), document


class AcceptedError(Exception):
    """The arguments were parsed without an error."""


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_arguments_that_its_program_accepts(command, monkeypatch):
    parse = argparse.ArgumentParser.parse_known_args

    def stop(*arguments, **options):
        parse(*arguments, **options)
        raise AcceptedError

    module, *arguments = shlex.split(command)
    monkeypatch.setattr(argparse.ArgumentParser, "parse_known_args", stop)
    monkeypatch.setattr(sys, "argv", [module, *arguments])
    for name in (module, f"{module}.__main__"):
        monkeypatch.delitem(sys.modules, name, raising=False)

    with pytest.raises(AcceptedError):
        runpy.run_module(module, run_name="__main__", alter_sys=True)


@pytest.mark.parametrize(("document", "found"), matches(VARIABLE))
def test_every_setting_of_the_environment_is_one(document, found):
    settings = tomllib.loads(DEFAULTS.read_text())
    for level in found[1].removesuffix("_FILE").removesuffix("_").lower().split("__"):
        if level in {"settings", "kafka", "schema_registry"}:
            return

        assert level in settings, document
        settings = settings[level] if isinstance(settings[level], dict) else {}


@pytest.mark.parametrize(("document", "found"), matches(RECIPE))
def test_every_recipe_is_in_the_justfile(document, found):
    recipes = re.findall(r"^(\w+)(?: \*\w+)?:", (ROOT / "justfile").read_text(), re.MULTILINE)

    assert (found[1] or found[2]) in recipes, document


@pytest.mark.parametrize(
    "text",
    [
        text
        for document in DOCUMENTS
        for text in re.findall(r"```toml\n(.*?)```", document.read_text(), re.DOTALL)
    ],
)
def test_every_file_of_settings_is_one(text, tmp_path, monkeypatch):
    issued = trustme.CA().issue_cert("kafka.example")
    issued.private_key_and_cert_chain_pem.write_to_path(tmp_path / "any.pem")
    (tmp_path / "my.toml").write_text(re.sub(r"/etc/ssl/[\w.-]+", f"{tmp_path}/any.pem", text))
    monkeypatch.setenv("LEADERBOARD_SETTINGS", str(tmp_path / "my.toml"))
    monkeypatch.setenv("LEADERBOARD_KAFKA__SASL_PASSWORD", "secret")
    load()


def test_every_status_of_a_flow_is_explained():
    table = dict(
        re.findall(
            r"^\| (\d+) \| (.+?) \|", (ROOT / "docs/operations.md").read_text(), re.MULTILINE
        )
    )

    assert {int(status) for status in table} >= {
        0,
        process.FAILED,
        process.RESTART,
        process.FENCED,
    }


PROMISES = re.findall(r"^- (?!\*\*)(.+)$", (ROOT / "docs/guarantees.md").read_text(), re.MULTILINE)
TESTS = {
    name
    for path in (ROOT / "tests").rglob("test_*.py")
    for name in re.findall(r"def (test_\w+)", path.read_text())
}


@pytest.mark.parametrize("promise", PROMISES)
def test_every_promise_names_its_tests(promise):
    named = set(re.findall(r"`(test_\w+)`", promise))

    assert named
    assert named <= TESTS
