"""The route that removes a user finds the user that a name stands for."""

from urllib.parse import quote

import pytest

from tests.support.openapi import check_response
from tests.web.routes.test_ranks import all_time, fill, make_app
from web.kafka.records import Receipt

BEARER = {"Authorization": "Bearer sesame"}
COMPOSED, DECOMPOSED = "Jos\u00e9", "Jose\u0301"


@pytest.mark.parametrize(
    ("name", "known", "removed"),
    [
        ("ann", ["ann"], "ann"),
        (DECOMPOSED, [COMPOSED], COMPOSED),
        (" ann\u200b", ["ann"], "ann"),
        (DECOMPOSED, [DECOMPOSED, COMPOSED], DECOMPOSED),
        (DECOMPOSED, [], DECOMPOSED),
        (DECOMPOSED, None, DECOMPOSED),
    ],
    ids=["as it is", "composed", "stripped", "both", "unknown", "ranks off"],
)
async def test_a_name_removes_the_user_of_that_name_or_the_one_the_form_would_have_written(
    monkeypatch, name, known, removed
):
    app = make_app(token="sesame", ranks=known is not None)  # noqa: S106 - of this test
    fill(app, *all_time(*known or ()))
    written = []

    async def produce(key, value, **_):
        written.append((key.decode(), value))
        return Receipt(3, 7)

    monkeypatch.setattr(app.extensions["leaderboard"].producer, "produce", produce)
    answer = await app.test_client().delete(f"/users/{quote(name)}", headers=BEARER)
    await check_response(answer, "/users/{user}", "delete")

    assert answer.status_code == 202
    assert written == [(removed, None)]
    assert await answer.get_json() == {"partition": 3, "offset": 7, "user": removed}
