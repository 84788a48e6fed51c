"""What a correction writes, without Kafka: after it the boards are those of the honest scores."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataflows.correct import lines, main
from dataflows.corrections import Event, History, Place
from dataflows.periods import BOARDS, Calendar
from dataflows.wire import AGAIN, REASON, VOIDED

DAY_MS = 24 * 3600 * 1000
NOW = 1_764_547_200_000 + DAY_MS // 2
CALENDAR = Calendar(BOARDS, "UTC", 24)

events = st.lists(
    st.tuples(st.one_of(st.none(), st.integers(0, 9)), st.integers(-3 * DAY_MS, 3 * DAY_MS)),
    max_size=20,
)


def history(log):
    """Return a user's history, and the stream time at its end."""
    found, stream = History(), 1
    for offset, (score, moment) in enumerate(log):
        time = NOW + moment
        stream = max(stream, time) if score is not None else stream
        found.add(Event(Place(0, offset), score, time, stream, {}))
    return found, stream


def folded(found):
    """Return the score of each board and period after all messages, as the flow counts them."""
    best: dict[str, int] = {}
    for event in found.events:
        periods = [each for each in CALENDAR.periods(event.time) if each.closes_at > event.stream]
        if event.score is None:
            closed = {key for key in best if "/" in key and _is_closed(key, event.stream)}
            best = {key: score for key, score in best.items() if key in closed}
            continue
        for key in ("all-time", *(f"{each.board}/{each.name}" for each in periods)):
            best[key] = max(event.score, best.get(key, -1))
    return best


def _is_closed(key, stream):
    period = CALENDAR.find(*key.split("/"))
    assert period
    return period.closes_at <= stream


@given(events, st.sets(st.integers(0, 19)), st.sets(st.integers(0, 19)))
def test_after_corrections_every_open_board_is_that_of_the_honest_scores(log, first, second):
    found, stream = history(log)
    honest = History()
    for event in found.events:
        if event.place.offset not in first | second or event.score is None:
            honest.add(event)
    for voiding in (first, second):
        places = {Place(0, offset) for offset in voiding}
        again = found.again(CALENDAR, places, stream)
        text = ",".join(map(str, places)) or "9@9"
        headers = {VOIDED: text, REASON: "cheated"}
        found.add(Event(Place(0, len(found.events)), None, NOW, stream, headers))
        for event in again:
            place = Place(0, len(found.events))
            found.add(Event(place, event.score, event.time, stream, {AGAIN: str(event.place)}))
    open_now = {key: score for key, score in folded(found).items() if not _is_over(key, stream)}

    assert open_now == {
        key: event.score
        for key, event in honest.bests(CALENDAR).items()
        if not _is_over(key, stream)
    }


def _is_over(key, stream):
    return "/" in key and _is_closed(key, stream)


def test_a_tombstone_in_another_partition_removes_what_is_no_younger_in_any_order():
    """Producers with different partitioners spread a user over partitions."""
    scores = [
        Event(Place(7, 1), 100, NOW, NOW, {}),
        Event(Place(7, 2), 90, NOW + 2, NOW + 2, {}),
        Event(Place(7, 3), 50, NOW + 3, NOW + 3, {}),
    ]
    tombstone = Event(Place(5, 8), None, NOW + 2, NOW, {})
    for events in ([tombstone, *scores], [*scores, tombstone]):
        found = History(events)

        assert list(found.scores) == [Place(7, 3)]
        assert found.bests(CALENDAR)["all-time"].score == 50


def test_in_one_partition_a_tombstone_removes_what_is_before_it_whatever_its_time():
    found = History(
        [
            Event(Place(7, 1), 100, NOW + 9, NOW + 9, {}),
            Event(Place(7, 2), None, NOW, NOW + 9, {}),
            Event(Place(7, 3), 50, NOW - 1, NOW + 9, {}),
        ]
    )

    assert list(found.scores) == [Place(7, 3)]


def test_the_lines_of_show_name_place_time_score_and_what_became_of_it():
    found = History(
        [
            Event(Place(3, 7), 120, NOW, NOW, {}),
            Event(Place(3, 8), 900, NOW + 1000, NOW + 1000, {}),
            Event(Place(3, 9), None, NOW, NOW + 1000, {VOIDED: "3@8", REASON: "a bot"}),
            Event(Place(3, 10), 120, NOW, NOW + 1000, {AGAIN: "3@7"}),
        ]
    )

    assert list(lines(found, Calendar(["day"], "UTC", 24))) == [
        "3@7  2025-12-01 12:00:00+00:00  120  the best of all-time, day/2025-12-01",
        "3@8  2025-12-01 12:00:01+00:00  900  voided (a bot)",
        "3@9  2025-12-01 12:00:00+00:00  removed  voided: 3@8  reason: a bot",
        "3@10  2025-12-01 12:00:00+00:00  120  again: 3@7",
    ]


def test_the_time_of_a_client_that_sends_microseconds_is_shown_as_a_number():
    found = History([Event(Place(3, 7), 120, NOW * 1000, NOW, {})])

    assert list(lines(found, CALENDAR)) == [f"3@7  {NOW * 1000} ms  120  the best of all-time"]


@pytest.mark.parametrize(
    "arguments", [["show", "\udcff"], ["remove", "ann", "--reason", "\udcff"]], ids=str
)
def test_an_argument_that_is_not_utf_8_is_refused(arguments, capsys):
    with pytest.raises(SystemExit) as raised:
        main(arguments)

    assert raised.value.code == 2
    assert "is not UTF-8" in capsys.readouterr().err
