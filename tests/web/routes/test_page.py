"""The page and its files: a deploy replaces all of them at once."""

import re
from urllib.parse import urljoin

import pytest

from conf.loading import load
from dataflows.leaderboard import Board
from tests.support.boards import shown
from tests.support.brokerless import brokerless
from tests.support.served import serving
from tests.support.until import until
from tests.web.routes.test_ranks import fill, make_app
from web.files import STATIC, Files

MODULES = re.compile(r'(?:^import (?:.+? from )?|=> import\()"([^"]+)"', re.MULTILINE)


@pytest.fixture
async def app():
    """Yield the app without a broker."""
    made = brokerless(load())
    async with made.test_app():
        yield made


async def addresses(client, path="/"):
    """Return the addresses of the files that the page names, as a browser resolves them."""
    page = await (await client.get(path)).get_data(as_text=True)
    return [urljoin(path, each) for each in re.findall(r'(?:href|src)="(static/[^"#]+)"', page)]


def write(folder, **files):
    for name, content in files.items():
        (folder / f"{name}.js").write_text(content)
    return Files(folder)


def test_the_version_changes_with_any_name_and_any_content(tmp_path):
    first = write(tmp_path, page="a", board="b").version
    same = Files(tmp_path).version
    changed = write(tmp_path, board="c").version
    swapped = write(tmp_path, page="c", board="a").version
    added = write(tmp_path, more="").version

    assert first == same
    assert len({first, changed, swapped, added}) == 4


@pytest.mark.parametrize("path", ["/", "/?display=hall"])
async def test_every_file_of_the_page_is_kept_for_ever_under_its_version(app, path):
    client = app.test_client()
    waiting = await addresses(client, path)
    found = set()
    while waiting:
        found.add(address := waiting.pop())
        answer = await client.get(address)
        modules = MODULES.findall(await answer.get_data(as_text=True))
        waiting += {urljoin(address, each) for each in modules} - found

        assert answer.status_code == 200
        assert "immutable" in answer.headers["Cache-Control"]
    version = app.extensions["leaderboard"].files.version

    assert all(each.startswith(f"/static/{version}/") for each in found)
    assert len(found) > 10


async def test_after_a_deploy_the_page_names_the_new_files_and_the_old_ones_are_gone(app, tmp_path):
    client = app.test_client()
    before = await addresses(client)
    page = await client.get("/")
    files = {path.name: path.read_text() for path in STATIC.glob("*.*")}
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    write(tmp_path, texts=files["texts.js"] + "// new")
    app.extensions["leaderboard"].files = Files(tmp_path)
    after = await addresses(client)

    assert page.headers["Cache-Control"] == "no-cache"
    assert not set(before) & set(after)
    assert [(await client.get(each)).status_code for each in before] == [404] * len(before)


async def test_a_file_without_a_version_is_asked_for_again_each_time(app):
    client = app.test_client()
    first = await client.get("/static/page.js")
    again = await client.get("/static/page.js", headers={"If-None-Match": first.headers["ETag"]})
    other = await client.get("/static/page.js", headers={"If-None-Match": '"other"'})

    assert first.headers["Cache-Control"] == again.headers["Cache-Control"] == "no-cache"
    assert [each.status_code for each in (first, again, other)] == [200, 304, 200]


@pytest.mark.parametrize("path", ["/static/page.js", "/top5"])
async def test_what_has_not_changed_keeps_its_type_and_has_no_length(monkeypatch, path):
    async with serving(monkeypatch) as served:
        served.feeds.put_boards([shown("t:1", Board("all-time", 0, 0, ()))])
        await until(lambda: served.feeds.all_time.newest_id)
        _, first, _ = await served.ask(path)
        status, again, body = await served.ask(path, f"If-None-Match: {first['etag']}")

    assert (status, body) == (304, b"")
    assert "content-length" not in again
    for name in ("content-type", "etag", "cache-control"):
        assert again[name] == first[name]


@pytest.mark.parametrize(
    ("user", "place"),
    [
        ("ann", "Rank 1 of 4, in the lead."),
        ("bob", "Rank 2 of 4, 1,000 behind ann."),
        ("cid", "Rank 3 of 4, 1 behind bob."),
        ("dan", "Rank 4 of 4, equal to cid, who was earlier."),
    ],
)
async def test_the_card_is_the_same_as_that_of_the_script(user, place):
    made = make_app()
    scores = [("ann", 5_001, 1), ("bob", 4_001, 1), ("cid", 4_000, 1), ("dan", 4_000, 2)]
    fill(made, *[("all-time", "", *each) for each in scores])
    page = await (await made.test_client().get(f"/?user={user}")).get_data(as_text=True)
    (shown,) = re.findall(r'<p class="place">(.+?)</p>', page, re.DOTALL)

    assert re.sub("<.+?>", "", shown).strip() == place


async def test_the_server_writes_numbers_as_the_script_does():
    made = make_app()
    users = [("all-time", "", f"user{place:04}", 2_000 - place, 5) for place in range(1_200)]
    fill(made, *users)
    feeds = made.extensions["leaderboard"].feeds
    feeds.put_boards([shown("t:1", Board("all-time", 81_204, 7, ()))])
    client = made.test_client()
    page = await (await client.get("/?user=user1100")).get_data(as_text=True)
    last = await (await client.get("/?from=1101")).get_data(as_text=True)

    assert '<dd id="players">81,204</dd>' in page
    assert '<td class="rank" role="cell">1,101</td>' in page
    assert "Players: 1,200" in last


@pytest.mark.parametrize(
    ("board", "note"),
    [
        (None, None),
        (Board("day", 0, 7, (), "2026-11-20"), "Late scores may still count."),
        (Board("day", 0, 7, (), "2026-11-20", final=True), "Final."),
    ],
    ids=["no score ever", "open", "final"],
)
async def test_an_earlier_period_says_whether_it_is_final_where_that_is_known(board, note):
    made = make_app(boards=("all-time", "day"))
    feeds = made.extensions["leaderboard"].feeds
    feeds.put_boards([shown("t/day/2026-11-20:1", board)] if board else [])
    path = "/?board=day&period=2026-11-20"
    page = await (await made.test_client().get(path)).get_data(as_text=True)

    assert re.findall(r'<p class="note">\s*(.+?)\s*</p>', page) == ([note] if note else [])


@pytest.mark.parametrize(
    "name", ["nothing.js", "../app.py", "/etc/passwd", "0123456789abcdef/page.js"]
)
async def test_no_other_file_is_served(app, name):
    assert (await app.test_client().get(f"/static/{name}")).status_code == 404
