"""Players on the page: the card of one, found by name and live, and the ranks of all."""

import threading
from urllib.parse import quote

import pytest
from playwright.sync_api import expect

from conf.loading import load
from dataflows.leaderboard import rank_keys
from dataflows.periods import Calendar
from tests.support.browser import needs_browser, seen, wait_for
from tests.support.page_fixtures import HEARING
from tests.support.page_server import now, playing
from tests.web.page.test_accessibility import findings
from tests.web.page.test_form import add, answering
from web.live.freshness import Status
from web.ranks.rankings import Change

pytestmark = needs_browser

USERS = ("ann", "bob", "cid", "dan", "eve", "fay", "gil")
PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True}


def put(stage, *scores):
    stage.call(
        stage.rankings.apply,
        [
            Change("all-time", "", user.encode(), rank_keys([score], [5])[0] if score else None)
            for user, score in scores
        ],
        {"all-time": "AbC:7"},
    )


def settle(stage):
    """Wait until all calls have been made."""
    is_done = threading.Event()
    stage.call(is_done.set)
    assert is_done.wait(10)


@pytest.fixture(scope="module")
def theatre():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEADERBOARD_BOOTSTRAP_SERVERS", "127.0.0.1:1")
        settings = load().model_copy(update={"boards": ("all-time", "day")})
        with playing(settings, scripted=False) as stage:
            yield stage


@pytest.fixture
def stage(theatre):
    """Return the stage with seven users: 700 points, 600, down to 100."""
    theatre.call(theatre.feeds.begin_boards, "t")
    theatre.call(theatre.feeds.put_past, [])
    theatre.call(theatre.feeds.put_status, Status(None, ()))
    put(theatre, *[(user, 700 - 100 * place) for place, user in enumerate(USERS)])
    theatre.call(setattr, theatre.rankings, "not_ready", "")
    settle(theatre)
    yield theatre
    theatre.call(lambda: list(theatre.rankings.reset()))
    settle(theatre)


def names(page):
    return page.locator("#around tbody .name")


def place(page):
    return page.locator("#player .place")


def find(page, user):
    page.get_by_label("Name").fill(user)
    page.get_by_role("button", name="Find").click()


def test_a_name_gives_the_rank_the_neighbours_and_the_distance_to_the_next(open_page):
    page = open_page()
    find(page, "dan")
    expect(place(page)).to_have_text("Rank 4 of 7, 100 behind \u2068cid\u2069.")
    expect(names(page)).to_have_text(["bob", "cid", "dan", "eve", "fay"])
    expect(page.locator("#around [aria-current] .name")).to_have_text("dan")
    expect(page.locator("#player [role=status]")).to_contain_text("Rank 4 of 7")
    find(page, "ann")

    expect(place(page)).to_have_text("Rank 1 of 7, in the lead.")


def test_the_card_is_live_also_for_the_next_user_that_is_found(stage, open_page):
    page = open_page()
    for user, points in (("dan", 410), ("eve", 420)):
        find(page, user)
        expect(page.locator("#around [aria-current] .name")).to_have_text(user)
        put(stage, (user, points))
        expect(place(page)).to_contain_text(f"{600 - points - 100} behind")
    put(stage, ("eve", None))
    expect(place(page)).to_have_text("\u2068eve\u2069 has no score here.")
    expect(names(page)).to_have_count(0)
    expect(page.locator("#connection")).to_have_text("Live")


def test_the_card_follows_the_neighbours_too(stage, open_page):
    page = open_page("/?user=dan")
    put(stage, ("gil", 250))
    expect(names(page)).to_have_text(["bob", "cid", "dan", "eve", "gil"])
    put(stage, ("bob", 520))
    expect(page.locator("#around tbody .score").first).to_have_text("520")
    expect(place(page)).to_have_text("Rank 4 of 7, 100 behind \u2068cid\u2069.")


def test_the_stream_brings_the_card_and_nothing_else_is_asked(stage, open_page):
    page = open_page("/?user=ann")
    asked: list[str] = []
    page.on("request", lambda it: asked.append(it.url))
    for user, points in (("dan", 410), ("eve", 420), ("..", 430)):
        find(page, user)
        put(stage, (user, points))
        expect(page.locator("#around [aria-current]")).to_contain_text(user + str(points))

    assert [each for each in asked if "/static/" not in each] == [
        f"{stage.address}/live?user={user}&around=2" for user in ("dan", "eve", "..")
    ]
    page.reload()  # the server names the same stream: tabs share it
    assert page.locator("html").get_attribute("data-stream") == "live?user=..&around=2"


def test_a_paused_card_stands_still_but_for_a_player_that_is_asked_for(stage, open_page):
    page = open_page("/?user=dan")
    expect(place(page)).to_contain_text("\u2068cid\u2069")
    page.get_by_role("switch", name="Pause").click()
    put(stage, ("dan", 800))
    find(page, "eve")
    expect(place(page)).to_contain_text("Rank 5 of 7")
    page.evaluate(HEARING)
    put(stage, ("eve", 900))
    wait_for(page, "heard.includes('rank')")
    page.evaluate("new Promise(requestAnimationFrame)")

    assert "Rank 5 of 7" in (place(page).text_content() or "")
    page.get_by_role("switch", name="Pause").click()
    expect(place(page)).to_contain_text("Rank 1 of 7")


def test_the_address_and_the_links_keep_the_name(stage, open_page):
    page = open_page("/?outcome=best")
    find(page, "d&n ☕")
    expect(place(page)).to_have_text("\u2068d&n ☕\u2069 has no score here.")
    put(stage, ("d&n ☕", 1))
    expect(place(page)).to_contain_text("Rank 8 of 8")
    page.reload()
    expect(place(page)).to_contain_text("Rank 8 of 8")
    expect(page.get_by_label("Name")).to_have_value("d&n ☕")
    page.get_by_role("link", name="Today").click()
    expect(place(page)).to_have_text("\u2068d&n ☕\u2069 has no score here.")

    assert "outcome" not in page.url


def test_the_link_to_all_ranks_leads_to_the_player_that_was_found(open_page):
    page = open_page()
    for user in ("dan", "eve"):
        find(page, user)
        expect(page.locator("#around [aria-current]")).to_contain_text(user)
    page.get_by_role("link", name="All ranks").click()

    expect(page.locator("#ranks [aria-current] .name")).to_have_text("eve")


def test_whoever_added_a_score_is_shown_at_the_next_visit_too(stage, open_page):
    page = open_page()
    with answering(page, 202, {"partition": 0, "offset": 1, "outcome": "best"}):
        add(page, "fay", "200")
        expect(place(page)).to_contain_text("Rank 6 of 7")
    page.goto(stage.address)
    expect(place(page)).to_contain_text("Rank 6 of 7")
    put(stage, ("fay", 650))
    expect(place(page)).to_contain_text("Rank 2 of 7, 50 behind")
    page.goto(f"{stage.address}/?user=gil")
    expect(place(page)).to_contain_text("Rank 7 of 7")


def test_a_page_of_an_earlier_period_shows_the_ranks_of_that_period(stage, open_page):
    calendar = Calendar(("day",), "UTC", 24)
    day = calendar.before(calendar.current("day", now())).name
    key = rank_keys([8], [5])[0]
    changes = [Change("day", day, user, key) for user in (b"fay", b"gil")]
    stage.call(stage.rankings.apply, changes, {})
    page = open_page(f"/?board=day&period={day}")
    page.evaluate("localStorage.setItem('leaderboard-user', 'fay')")
    page.reload()
    expect(place(page)).to_have_text("Rank 1 of 2, in the lead.")
    find(page, "gil")
    expect(page).to_have_url(f"{stage.address}/?board=day&period={day}&user=gil#player")
    expect(page.locator("#connection")).to_have_text("Live")
    expect(place(page)).to_have_text("Rank 2 of 2, equal to fay, who was earlier.")


def test_a_browser_that_keeps_nothing_shows_the_player_until_the_page_is_closed(new_context, stage):
    page = new_context().new_page()
    page.add_init_script("delete window.localStorage; localStorage = undefined")
    page.goto(stage.address)
    expect(page.locator("#connection")).to_have_text(
        "Live"
    )  # its script takes the form from here on
    with answering(page, 202, {"partition": 0, "offset": 1, "outcome": "best"}):
        add(page, "fay", "200")
        expect(place(page)).to_contain_text("Rank 6 of 7")


def test_a_name_that_no_address_has_room_for_is_not_remembered(open_page):
    page = open_page()
    with answering(page, 202, {"partition": 0, "offset": 1, "outcome": "best"}):
        add(page, "w" * 300, "200")
        expect(page.locator("#answer")).to_contain_text("New personal best")
    page.reload()
    expect(page.locator("#connection")).to_have_text("Live")

    assert place(page).text_content() == ""
    assert page.get_by_label("Name").get_attribute("maxlength") == "256"


def test_the_card_says_that_ranks_are_not_read_yet_and_appears_when_they_are(stage, open_page):
    stage.rankings.not_ready = "half is read"
    page = open_page("/?user=bob")
    expect(place(page)).to_have_text("The ranks are not read yet.")
    stage.rankings.not_ready = ""
    put(stage, ("zoe", 1))
    expect(place(page)).to_contain_text("Rank 2 of 8")


def test_markup_in_names_is_text(stage, open_page):
    put(stage, ("<img src=x onerror=alert(1)>", 150))
    page = open_page("/?user=gil")
    expect(names(page)).to_have_text(["fay", "<img src=x onerror=alert(1)>", "gil"])


def test_nothing_moves_when_the_card_is_filled(open_page):
    page = open_page()
    before = page.locator("#player").bounding_box()
    find(page, "dan")
    expect(names(page)).to_have_count(5)

    assert page.locator("#player").bounding_box() == before


def top(page, selector):
    return page.locator(selector).bounding_box()["y"]


def test_on_a_phone_only_a_player_takes_room_before_the_form(open_page):
    page = open_page(**PHONE)
    before = top(page, "#form")
    find(page, "dan")
    expect(names(page)).to_have_count(5)

    assert top(page, "#form") > before + 150


@pytest.mark.parametrize("path", ["/", "/?user=dan"])
def test_on_a_phone_nothing_moves_when_a_known_player_is_shown_at_the_start(
    stage, new_context, path
):
    page = new_context(**PHONE).new_page()
    page.add_init_script("localStorage.setItem('leaderboard-user', 'dan')")
    page.route("**/page.js", lambda it: it.abort())
    page.goto(stage.address + path)
    before = top(page, "#form") - top(page, "#player")
    page.unroute("**/page.js")
    page.goto(stage.address + path)
    expect(place(page)).to_contain_text("behind \u2068cid\u2069")

    assert top(page, "#form") - top(page, "#player") == before


def test_on_a_phone_nothing_moves_when_a_player_of_the_address_gets_a_score(stage, open_page):
    page = open_page("/?user=zed", **PHONE)
    expect(place(page)).to_contain_text("no score here")
    before = top(page, "#form")
    put(stage, ("zed", 450))
    expect(names(page)).to_have_count(5)

    assert top(page, "#form") == before


def test_on_a_phone_the_form_stays_in_its_place_when_its_first_score_brings_the_card(open_page):
    page = open_page(**PHONE)
    for part in ("html", "body"):  # as in Safari
        page.locator(part).evaluate("element => { element.style.overflowAnchor = 'none'; }")
    page.locator("#form").scroll_into_view_if_needed()
    before = top(page, "#form")
    with answering(page, 202, {"partition": 0, "offset": 1, "outcome": "best"}):
        add(page, "dan", "200")
        expect(names(page)).to_have_count(5)

    assert top(page, "#form") == pytest.approx(before, abs=1)


def test_without_javascript_the_form_shows_the_card(open_page):
    page = open_page("/?board=all-time", java_script_enabled=False, said="As of page load")
    find(page, "bob")

    expect(place(page)).to_have_text("Rank 2 of 7, 100 behind ann.")
    expect(names(page)).to_have_text(["ann", "bob", "cid", "dan"])
    expect(page.get_by_label("Name")).to_have_value("bob")
    find(page, "zed")
    expect(place(page)).to_have_text("zed has no score here.")


@pytest.mark.parametrize("user", ["\u2069\u202eevil", "evil\u2029\u202e"])
@pytest.mark.parametrize("javascript", [True, False])
def test_no_name_turns_the_sentence_of_the_card(stage, open_page, user, javascript):
    said = "Live" if javascript else "As of page load"
    put(stage, (user, 150))
    page = open_page("/?user=gil", java_script_enabled=javascript, said=said)
    behind = seen(place(page))
    put(stage, (user, 100), ("한", 100), ("gil", None))
    page.goto(f"{stage.address}/?user=한")
    equal = seen(place(page))
    put(stage, (user, None))
    page.goto(f"{stage.address}/?user={quote(user)}")
    missing = seen(place(page))

    assert behind == "Rank 8 of 8, 50 behind evil."
    assert equal == "Rank 8 of 8, equal to evil, who was earlier."
    assert missing == "evil has no score here."


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("user", ["dan", "zed"])
def test_axe_finds_nothing_and_nothing_is_wider_than_a_phone(open_page, scheme, user):
    page = open_page(f"/?user={user}", color_scheme=scheme, reduced_motion="reduce", **PHONE)
    expect(place(page)).to_contain_text("4 of 7" if user == "dan" else "no score here")

    assert findings(page) == []
    page.set_viewport_size({"width": 320, "height": 640})
    assert page.evaluate("document.documentElement.scrollWidth") <= 320


def page_of_ranks(page):
    return page.locator("#ranks tbody .rank").all_text_contents()


@pytest.fixture
def many(stage):
    put(stage, *[(f"user {n}", 10_000 - n) for n in range(243)])


@pytest.mark.usefixtures("many")
@pytest.mark.parametrize("javascript", [True, False])
def test_all_ranks_are_pages_of_a_hundred(stage, new_context, javascript):
    page = new_context(java_script_enabled=javascript).new_page()
    page.goto(f"{stage.address}/?user=cid")
    page.get_by_role("link", name="All ranks").click()
    expect(page.get_by_text("Players: 250")).to_be_visible()
    expect(page.locator("[rel=prev]")).to_be_hidden()
    for first, last in ((1, 100), (101, 200), (201, 250)):
        expect(page.locator("#ranks tbody .rank").first).to_have_text(str(first))
        assert page_of_ranks(page) == [str(rank) for rank in range(first, last + 1)]
        if last < 250:
            page.locator("[rel=next]").click()
    expect(page.locator("[rel=next]")).to_be_hidden()
    expect(page.locator("#ranks [aria-current] .name")).to_have_text("cid")
    page.locator("[rel=prev]").click()
    expect(page.locator("#ranks tbody .rank").first).to_have_text("101")
    page.get_by_role("link", name="Today").click()
    expect(page.locator("#ranks + .empty")).to_be_visible()
    page.get_by_role("link", name="Live board").click()

    expect(page).to_have_url(f"{stage.address}/?board=day&user=cid")


@pytest.mark.usefixtures("many")
def test_past_the_last_rank_a_link_leads_back_to_it(stage, new_context):
    page = new_context().new_page()
    page.goto(f"{stage.address}/?from=1001")
    page.locator("[rel=prev]").click()
    expect(page.locator("#ranks tbody .rank").last).to_have_text("250")


def test_a_page_of_ranks_says_why_it_is_empty(stage, new_context):
    stage.rankings.not_ready = "half is read"
    page = new_context().new_page()
    page.goto(f"{stage.address}/?from=1")
    expect(page.locator(".note")).to_have_text("the ranks are not read yet: half is read.")
    expect(page.locator(".empty")).to_have_count(0)

    assert page.goto(f"{stage.address}/?from=0").status == 400


@pytest.mark.usefixtures("many")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_a_page_of_ranks(stage, new_context, scheme):
    put(stage, ("w" * 300, 9_990))
    page = new_context(color_scheme=scheme, **PHONE).new_page()
    page.goto(f"{stage.address}/?from=1&user=user%207&board=all-time")
    expect(page.locator("#ranks [aria-current]")).to_have_count(1)

    assert findings(page) == []
    page.set_viewport_size({"width": 320, "height": 640})
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
