"""A translation of the page: nothing in English is left, with scripts and without."""

import re
import tomllib

import pytest
from playwright.sync_api import expect

from conf.loading import load
from tests.support.browser import needs_browser
from tests.support.page_server import board, now, playing, score, status, story
from tests.web.page.test_form import answering
from web.texts import ENGLISH

pytestmark = needs_browser

LETTER = re.compile(r"(?<!\{)\b[A-Za-z]+\b(?!\})")
LOCALE = "ru-RU"  # its dates have no Latin letter either

# Every text that can be read or heard; in HTML alone a time is no text, but ends with UTC.
SHOWN = """(without) => {
  const shown = [document.title];
  const nodes = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (nodes.nextNode()) {
    const { parentElement: parent, data } = nodes.currentNode;
    if (!parent.closest(without)) shown.push(data);
  }
  for (const element of document.querySelectorAll("body *"))
    for (const name of ["aria-label", "title", "alt", "placeholder", "data-blank"])
      shown.push(element.getAttribute(name) ?? "");
  for (const button of document.querySelectorAll("[type=submit], [type=button]"))
    shown.push(button.value);
  return shown;
}"""


def translate(text):
    """Replace each word that is not the name of a place."""
    return LETTER.sub("ж", text)


@pytest.fixture(scope="module")
def theatre(tmp_path_factory):
    english = tomllib.loads(ENGLISH.read_text())
    path = tmp_path_factory.mktemp("texts") / "other.toml"
    lines = [f"{name} = '{translate(text)}'" for name, text in english.items()]
    path.write_text("\n".join([*lines[2:], 'language = "ru"', 'separator = "."']))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEADERBOARD_BOOTSTRAP_SERVERS", "127.0.0.1:1")
        settings = load()
        web = settings.web.model_copy(update={"texts": str(path), "title": "1", "token": "2"})
        boards = ("all-time", "day", "week", "month")
        with playing(settings.model_copy(update={"web": web, "boards": boards})) as stage:
            stage.call(setattr, stage.rankings, "not_ready", "")
            yield stage


@pytest.fixture
def page(new_context, stage):
    """Return the page with everything that it can show at once."""
    stage.first = [
        ("board", board(("1", 1_300), ("2", 1_200), ("\u2800", 1), age=100)),
        ("story", story("123", "213", "456")),
        ("score", score("1", 7, 1)),
        ("rate", {"time": now(), "per_second": 12}),
        ("status", status()),
    ]
    opened = new_context(locale=LOCALE).new_page()
    opened.goto(stage.address)
    expect(opened.locator("#connection")).to_have_attribute("data-state", "live")
    expect(opened.locator("#rate")).to_have_text("12")
    expect(opened.locator("#history figcaption")).not_to_be_empty()
    return opened


def english(page, without="script"):
    """Return the texts on a page that have a Latin letter."""
    return [text for text in page.evaluate(SHOWN, without) if re.search("[A-Za-z]", text)]


def test_a_page_with_scripts_has_only_texts_of_the_translation(page):
    assert english(page) == []
    assert page.locator("html").get_attribute("lang") == "ru"
    assert page.locator("#board-title").text_content() == "ж 5"


@pytest.mark.parametrize("state", ["stale", "troubled"])
def test_a_state_of_the_connection_is_translated(stage, page, state):
    stage.send("status", status(now() if state == "stale" else None, "5"))
    expect(page.locator("#connection")).to_have_attribute("data-state", state)

    assert english(page) == []


def test_a_lost_connection_and_a_pause_are_translated(stage, page):
    page.route("**/live*", lambda route: route.abort())
    stage.end_streams()
    expect(page.locator("#connection")).to_have_attribute("data-state", "lost")
    lost = english(page)
    page.locator("#pause").click()
    expect(page.locator("#connection")).to_have_attribute("data-state", "paused")

    assert lost == english(page) == []


@pytest.mark.parametrize("behind", [0, 1, None])
def test_the_place_of_a_player_is_translated(stage, page, behind):
    following = None if behind is None else {"user": "1", "rank": 1, "score": str(70 + behind)}
    own = {"rank": 2, "user": "2", "score": "70", "time": now()}
    rank = {**own, "players": 1_300, "next": following, "around": [own]}
    stage.first = [*stage.first, ("rank", rank)]
    page.locator("#name").fill("2")
    page.locator("#find [type=submit]").click()
    expect(page.locator("#player .place")).to_contain_text("2 ж 1")

    assert english(page) == []


@pytest.mark.parametrize("outcome", ["top", "best", "counted", "received"])
def test_the_answer_to_a_score_is_translated(page, outcome):
    for field in ("user", "score", "token"):
        page.locator(f"#{field}").fill("1")
    with answering(page, 202, {"outcome": outcome, "rank": 17}):
        page.locator("#form button").click()
        expect(page.locator("#answer")).to_contain_text("17")

    assert english(page) == []


@pytest.mark.parametrize("score", ["", "1.5", "9" * 30, "-" + "9" * 30])
def test_what_is_wrong_in_the_form_is_translated(page, score):
    page.locator("#user").fill("1" * 5_000)
    page.locator("#score").fill(score)
    page.locator("#form button").click()
    for field in ("user", "score", "token"):
        expect(page.locator(f"#{field}-error")).to_contain_text("ж")

    assert english(page) == []


@pytest.mark.parametrize("scripts", [True, False])
@pytest.mark.parametrize(
    "path",
    [
        "/?user=1&outcome=best",
        "/?from=1",
        "/?from=1&board=week",
        "/?board=day&period=2026-11-20",
        "/?display=hall&board=month",
        "/?display=embed",
    ],
)
def test_every_page_is_translated_without_scripts_too(new_context, stage, path, scripts):
    page = new_context(locale=LOCALE, java_script_enabled=scripts).new_page()
    page.goto(stage.address + path)
    for written in page.locator("#period, #connection").all() if scripts else []:
        expect(written).not_to_have_text(re.compile("-|ж ж ж ж"))  # as the server writes them

    assert english(page, "script" if scripts else "script, time, #period") == []
    assert "ж" in page.locator("main").text_content()
