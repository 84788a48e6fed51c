"""The page under 500 updates a second: frames stay smooth, memory and nodes stay flat."""

import itertools
import statistics
import time

from tests.support.browser import needs_browser
from tests.support.page_server import board, now, score

pytestmark = needs_browser

UPDATES_PER_SECOND = 500
AT_ONCE = 5
WARM_SECONDS = 3
SECONDS = {False: 10, True: 60}
FRAMES = (
    "window.frames = []; requestAnimationFrame(function next(at) {"
    " frames.push(at); requestAnimationFrame(next); })"
)


class Gauge:
    """What the browser knows of a page's memory and work."""

    def __init__(self, page):
        self._session = page.context.new_cdp_session(page)
        self._session.send("Performance.enable")

    def read(self):
        """Return the metrics by name, after all garbage is gone; sizes are bytes, times seconds."""
        self._session.send("HeapProfiler.collectGarbage")
        metrics = self._session.send("Performance.getMetrics")["metrics"]
        return {metric["name"]: metric["value"] for metric in metrics}


def play(stage, seconds, start=0):
    """Send updates, every other one a board, each with users that were never there before."""
    began = time.monotonic()
    for number in range(start, start + int(seconds * UPDATES_PER_SECOND)):
        if number % 2:
            stage.send("score", score(f"player {number}", number, number))
        else:
            rows = [(f"leader {number // 10 + each}", number - each) for each in range(5)]
            stage.send("board", board(*rows, players=number))
        if number % UPDATES_PER_SECOND == 0:
            stage.send("rate", {"time": now(), "per_second": UPDATES_PER_SECOND})
        if number % AT_ONCE == 0:
            due = began + (number - start) / UPDATES_PER_SECOND
            time.sleep(max(0, due - time.monotonic()))
    return number + 1


def test_a_burst_leaves_frames_smooth_and_memory_flat(stage, open_page, pytestconfig, capsys):
    seconds = SECONDS[pytestconfig.getoption("long")]
    page = open_page()
    gauge = Gauge(page)
    number = play(stage, WARM_SECONDS)
    before = gauge.read()
    page.evaluate(FRAMES)
    play(stage, seconds, number)
    frames = page.evaluate("frames")
    after = gauge.read()
    gaps = [later - earlier for earlier, later in itertools.pairwise(frames)]
    smooth = statistics.quantiles(gaps, n=100)
    grown = {name: after[name] - before[name] for name in ("Nodes", "JSHeapUsedSize")}
    busy = (after["TaskDuration"] - before["TaskDuration"]) / seconds
    with capsys.disabled():
        print(
            f"\n{UPDATES_PER_SECOND} updates a second for {seconds} s: frames p50 {smooth[49]:.0f}"
            f" ms, p95 {smooth[94]:.0f} ms, longest {max(gaps):.0f} ms; the page was busy"
            f" {busy:.0%} of the time; nodes {before['Nodes']:.0f} to {after['Nodes']:.0f},"
            f" heap {before['JSHeapUsedSize'] / 1e6:.1f} to {after['JSHeapUsedSize'] / 1e6:.1f} MB"
        )

    assert smooth[49] < 50
    assert smooth[94] < 200  # tests share the machine
    assert grown["Nodes"] < 500
    assert grown["JSHeapUsedSize"] < 2e6
    assert after["JSEventListeners"] <= before["JSEventListeners"] + 5
