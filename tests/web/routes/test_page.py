"""The page and its files: a deploy replaces all of them at once."""

import re
from urllib.parse import urljoin

import pytest

from conf.loading import load
from web.app import create_app
from web.files import STATIC, Files

MODULES = re.compile(r'(?:^import (?:.+? from )?|=> import\()"([^"]+)"', re.MULTILINE)


@pytest.fixture
async def app():
    """Yield the app without a broker."""
    made = create_app(load())
    made.before_serving_funcs.clear()
    made.after_serving_funcs.clear()
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
    write(tmp_path, words=files.get("words.js", "") + "// new")
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


@pytest.mark.parametrize(
    "name", ["nothing.js", "../app.py", "/etc/passwd", "0123456789abcdef/page.js"]
)
async def test_no_other_file_is_served(app, name):
    assert (await app.test_client().get(f"/static/{name}")).status_code == 404
