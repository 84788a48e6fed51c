"""The charts of the page, in a real browser: the ranks of the last minutes, and the rate."""

from playwright.sync_api import expect

from tests.support.browser import needs_browser
from tests.support.page_server import board, now, story

pytestmark = needs_browser

DASHES = """() => [1, 2, 3, 4, 5, 6].map((color) => {
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  const line = document.createElementNS("http://www.w3.org/2000/svg", "g");
  line.setAttribute("class", "line");
  line.dataset.color = color;
  line.append(path);
  document.querySelector("#history svg").append(line);
  return getComputedStyle(path).strokeDasharray;
})"""


def described(page):
    return page.locator("#chart-description").text_content()


def test_the_ranks_are_drawn_named_and_described(stage, open_page):
    stage.first = [
        ("board", board(*[(user, 1) for user in "bafcd"])),
        ("story", story("abcde", "bacde", "bafcd")),
    ]
    page = open_page()
    expect(page.locator("#history figcaption")).to_have_text(
        "\u2068b\u2069 took the lead 3 min ago. New: \u2068f\u2069. Dropped out: \u2068e\u2069."
    )

    assert page.locator("#history .labels li").all_text_contents() == list("bafcd")
    assert page.locator("#history .line").count() == 6
    assert page.locator("#history .line circle").count() == 5
    assert page.locator("#history .from").text_content() == "7 min ago"
    assert "rank 1: \u2068b\u2069, rank 2 at the start; " in described(page)


def test_the_ranks_go_on_with_the_boards_that_the_page_receives(stage, open_page):
    page = open_page()
    stage.send("board", board(("ann", 2)))
    expect(page.locator("#history .labels li")).to_have_count(1)
    page.wait_for_timeout(1_100)  # of each second the last board is kept
    stage.send("board", board(("bob", 3), ("ann", 2)))
    expect(page.locator("#history figcaption")).to_contain_text("took the lead just now")

    assert "rank 2: \u2068ann\u2069, rank 1 at the start" in described(page)


def test_the_rate_is_a_number_and_a_line(stage, open_page):
    stage.first = [
        ("rate", {"time": now() - 1000 * seconds, "per_second": 1000 + seconds})
        for seconds in range(59, -1, -1)
    ]
    page = open_page()
    expect(page.locator("#rate")).to_have_text("1,000")
    stage.send("rate", {"time": now(), "per_second": 0.5})
    expect(page.locator("#rate")).to_have_text("0.5")

    assert "at most 1,05" in page.locator("#rate-chart title").text_content()
    assert page.locator("#rate-chart .rate-line").get_attribute("d").count("L") > 50


def test_each_colour_of_a_line_has_dashes_of_its_own(open_page):
    dashes = open_page().evaluate(DASHES)

    assert len(set(dashes)) == 6
