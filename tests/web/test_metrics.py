"""The metrics of the web app: each is documented, and one scrape shows all workers."""

import os
import re

from tests import ROOT
from web.app import create_app
from web.shared_metrics import Worker, merge


def metrics_of(settings, worker=None):
    return create_app(settings, worker=worker).extensions["leaderboard"].metrics


def test_the_document_lists_each_metric_with_its_help(settings):
    text = metrics_of(settings).text().decode()
    rows = (ROOT / "docs/metrics.md").read_text()

    assert re.findall(r"^\| `(leaderboard_web_\w+)` \|.*\| (.+) \|$", rows, re.MULTILINE) == (
        re.findall(r"^# HELP (\w+) (.+)$", text, re.MULTILINE)
    )


def test_the_document_names_the_labels_of_each_metric(settings):
    services = create_app(settings).extensions["leaderboard"]
    services.refusals.add("post", "client", "192.0.2.1")
    services.metrics.count_post("accepted")
    services.metrics.count_rank_request("found")
    text = services.metrics.text().decode()
    samples = re.findall(r"^(leaderboard_web_\w+)(?<!_created)\{(.+)\} ", text, re.MULTILINE)
    seen = {name: set(re.findall(r'(\w+)="', labels)) for name, labels in samples}
    rows = re.findall(
        r"^\| `(\w+)` \| (.*) \|.*\|$", (ROOT / "docs/metrics.md").read_text(), re.MULTILINE
    )
    documented = {name: set(re.findall(r"`(\w+)`", labels)) for name, labels in rows}

    assert "leaderboard_web_refused_total" in seen
    assert seen == {name: documented[name] for name in seen}


def test_a_scrape_of_one_worker_shows_all_and_no_dead_one(settings, tmp_path):
    first, second = (metrics_of(settings, Worker(each, tmp_path)) for each in (0, 1))
    second.count_post("accepted")
    second.share(now=100)
    (tmp_path / "2").write_bytes(second.text().replace(b'worker="1"', b'worker="2"'))
    os.utime(tmp_path / "2", (0, 0))
    text = first.text().decode()

    assert re.findall(r"^leaderboard_web_sent_board_age_seconds.*", text, re.MULTILINE) == [
        'leaderboard_web_sent_board_age_seconds{worker="0"} 0.0',
        'leaderboard_web_sent_board_age_seconds{worker="1"} 0.0',
    ]
    assert 'leaderboard_web_posts_total{outcome="accepted",worker="1"} 1.0' in text
    assert text.count("# HELP leaderboard_web_posts_total ") == 1


def test_a_file_that_another_worker_is_about_to_rename_is_not_looked_at(settings, tmp_path):
    (tmp_path / "1.new").symlink_to(tmp_path / "gone")  # what a look at it would find by then

    assert metrics_of(settings, Worker(0, tmp_path)).text()


def test_texts_are_merged_by_metric():
    one = b'# HELP a A.\n# TYPE a gauge\na{w="0"} 1\n# HELP b B.\n# TYPE b gauge\nb 2\n'
    other = b'# HELP b B.\n# TYPE b gauge\nb 3\n# HELP a A.\n# TYPE a gauge\na{w="1"} 4\n'

    assert merge([one, other]) == (
        b'# HELP a A.\n# TYPE a gauge\na{w="0"} 1\na{w="1"} 4\n'
        b"# HELP b B.\n# TYPE b gauge\nb 2\nb 3\n"
    )
