"""The form of the page, in a real browser."""

from contextlib import contextmanager

from playwright.sync_api import expect

from tests.support.browser import needs_browser
from tests.support.page_server import board

pytestmark = needs_browser


@contextmanager
def answering(page, answer_status, document, **headers):
    page.route(
        "**/newScore",
        lambda route: route.fulfill(status=answer_status, json=document, headers=headers),
    )
    yield
    page.unroute("**/newScore")


def add(page, user, points):
    page.get_by_label("User", exact=True).fill(user)
    page.get_by_label("Score", exact=True).fill(points)
    page.get_by_role("button", name="Add").click()


OUTCOMES = {
    "top": "In the top 5: \u2068ann\u2069, 1,200.",
    "best": "New personal best: \u2068ann\u2069, 1,200.",
    "counted": "Counted, no new best: \u2068ann\u2069, 1,200.",
    "received": "Received, not counted yet: \u2068ann\u2069, 1,200.",
}


def test_a_score_is_added_without_a_reload_and_its_outcome_is_shown(open_page):
    page = open_page()
    posts = []

    def note(request):
        if request.method == "POST":
            posts.append(request)

    page.on("request", note)
    for outcome, words in OUTCOMES.items():
        with answering(page, 202, {"partition": 0, "offset": 1, "outcome": outcome}):
            add(page, "ann", " +1200 ")
            expect(page.locator("#answer")).to_have_text(words)

    assert posts[0].post_data_json == {"user": "ann", "score": "+1200"}
    assert [post.headers["prefer"] for post in posts] == ["wait=2"] * 4
    assert page.get_by_label("User", exact=True).input_value() == "ann"
    assert page.get_by_label("Score", exact=True).input_value() == ""


def test_the_answer_names_the_new_rank(stage, open_page):
    stage.first = [("board", board(("ann", 1200), players=81_204))]
    page = open_page()
    expect(page.locator("#players")).to_have_text("81,204")
    for rank, words in ((17, "Rank 17 of 81,204."), (81_205, "Rank 81,205 of 81,205.")):
        with answering(page, 202, {"partition": 0, "offset": 1, "outcome": "best", "rank": rank}):
            add(page, "ann", "1200")
            expect(page.locator("#answer")).to_have_text(f"{OUTCOMES['best']} {words}")


def test_the_answer_on_another_board_names_the_rank_of_all_time(stage, open_page):
    stage.first = [("board", {**board(), "board": "day", "period": "2026-11-25"})]
    page = open_page()
    with answering(page, 202, {"partition": 0, "offset": 1, "outcome": "best", "rank": 17}):
        add(page, "ann", "1200")
        expect(page.locator("#answer")).to_have_text(f"{OUTCOMES['best']} Rank 17 of all time.")


def test_an_error_of_the_server_stands_beside_its_field(open_page):
    page = open_page()
    with answering(page, 422, {"error": "user is not wanted", "field": "user"}):
        add(page, "ann", "1")
        expect(page.locator("#user-error")).to_have_text("User is not wanted.")

    assert page.get_by_label("User", exact=True).get_attribute("aria-invalid") == "true"
    assert page.get_by_label("User", exact=True).get_attribute("aria-describedby") == "user-error"
    assert page.evaluate("document.activeElement.id") == "user"


def test_a_refusal_of_the_whole_post_says_when_to_try_again(open_page):
    page = open_page()
    answer = {"error": "too many scores at once: try again later", "field": "body"}
    with answering(page, 429, answer, **{"Retry-After": "3"}):
        add(page, "ann", "1")
        expect(page.locator("#answer")).to_have_text(
            "Too many scores at once: try again later. Wait 3 s."
        )

    assert page.get_by_label("Score", exact=True).input_value() == "1"


def test_a_server_that_cannot_be_reached_is_an_error(open_page):
    page = open_page()
    page.route("**/newScore", lambda route: route.abort())
    add(page, "ann", "1")
    expect(page.locator("#answer")).to_have_text("The server cannot be reached. Try again.")


def test_an_error_appears_when_a_field_is_left_and_disappears_while_typing(open_page):
    page = open_page()
    field, error = page.get_by_label("Score", exact=True), page.locator("#score-error")
    field.press_sequentially("12x")
    expect(error).to_have_text("")
    field.blur()
    expect(error).to_have_text("Whole numbers only, in digits.")
    field.focus()
    field.press("End")
    field.press("Backspace")
    expect(error).to_have_text("")
    field.fill("9223372036854775808")
    field.blur()
    expect(error).to_have_text("At most 9,223,372,036,854,775,807.")
    page.get_by_role("button", name="Add").click()

    assert page.locator("#user-error").text_content() == "Enter a user."
    assert page.evaluate("document.activeElement.id") == "user"


def test_without_javascript_the_board_and_the_form_work(open_page):
    page = open_page(java_script_enabled=False, said="As of page load")
    page.locator("#score").fill("7x")
    page.locator("#user").fill("ann")
    page.evaluate("document.getElementById('form').noValidate = true")
    page.get_by_role("button", name="Add").click()

    assert "score must be a whole number" in page.locator("#score-error").text_content()
    assert page.locator("#score").get_attribute("aria-invalid") == "true"
    assert page.locator("#user").input_value() == "ann"


def test_the_outcome_is_shown_without_javascript_too(open_page):
    page = open_page("/?outcome=top", java_script_enabled=False, said="As of page load")

    assert page.locator("#answer").text_content() == "In the top 5."
    assert page.locator("form button[name=wait]").get_attribute("value") == "2"


def test_the_keyboard_alone_adds_a_score(open_page):
    page = open_page()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to adding a score")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_label("User", exact=True)).to_be_focused()
    page.keyboard.type("ann")
    page.keyboard.press("Tab")
    page.keyboard.type("12")
    with answering(page, 202, {"partition": 0, "offset": 1, "outcome": "best"}):
        page.keyboard.press("Enter")
        expect(page.locator("#answer")).to_contain_text("New personal best")

    assert page.evaluate("document.activeElement.id") == "score"


def test_the_keyboard_of_a_phone_has_a_minus_sign_for_the_score(open_page):
    page = open_page()

    assert page.get_by_label("Score", exact=True).get_attribute("inputmode") in {None, "text"}
