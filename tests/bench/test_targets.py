"""A target is reached only by right runs of the plan `full`, on the machine that measured them."""

from bench import report, targets
from bench.candidates import AT_LEAST_ONCE, LOOP, OURS, TWO_PROCESSES
from bench.facts import Facts, Part

FANOUT = {"path": "/highScores", "clients": 5_000, "updates_per_second": 5, "storm_seconds": 2.0}
LIKE = {"game": "a game", "scores": 5, "peak_mib": 1.0, "messages": 3}


def row(candidate, rate, wrong=""):
    return {"candidate": candidate, "rate": rate, "cpu_seconds": 1.0, "wrong": wrong}


def line(facts, what):
    (found,) = [rest for name, *rest in targets.lines(facts) if name == what]
    return found


def test_a_target_is_reached_missed_or_not_measured(tmp_path):
    facts = Facts(tmp_path)
    rows = [row(OURS, 90.0), row("ours, at least once", 100.0), row("ours -w 2", 45.0)]
    facts.keep("throughput", "full", Part(rows, {}))

    assert line(facts, "the same, exactly once (the default), to at least once") == [
        "≥ 0.85",
        "0.9",
        "yes",
    ]
    assert line(facts, "`-w 2` in one process, to `-w 1`") == ["≥ 1", "0.5", "**no**"]
    assert line(facts, "a million users, to the loop")[2] == "not measured"


def test_candidates_are_compared_within_a_round(tmp_path):
    facts = Facts(tmp_path)
    rounds = [(10.0, 10.0), (30.0, 20.0), (40.0, 50.0)]
    rows = [
        row(candidate, rate) | LIKE | {"round": turn}
        for turn, rates in enumerate(rounds)
        for candidate, rate in zip((AT_LEAST_ONCE, LOOP), rates, strict=True)
    ]
    facts.keep("throughput", "full", Part(rows, {}))
    what = "catch-up with `-w 1` and at least once, to a loop that produces the improvements"
    text = report.write(facts, tmp_path).read_text()

    assert line(facts, what)[1] == "1"
    assert "| ours, at least once | 3 | 30 | 10 to 40 | 1.00 |" in text


def test_one_wrong_run_of_several_misses_a_target(tmp_path):
    facts = Facts(tmp_path)
    wrong = row("ours -w 2", 0.0, wrong="3 of 7 bests wrong in high_scores")
    rows = [row(OURS, 90.0), *[wrong] * 4, row("ours -w 2", 100.0)]
    facts.keep("throughput", "full", Part(rows, {}))

    assert line(facts, "`-w 2` in one process, to `-w 1`")[1:] == ["", "**no**, wrong runs"]
    assert line(facts, "CPU of two processes, to one")[2] == "not measured"


def test_clients_that_were_not_served_miss_a_target(tmp_path):
    facts, what = Facts(tmp_path), "5,000 connects at once, all served"
    facts.keep("fanout", "full", Part([FANOUT], {}))
    reached = line(facts, what)
    facts.keep("fanout", "full", Part([FANOUT | {"wrong": "7 of 5,000 clients lost"}], {}))

    assert reached == ["≤ 5 s", "2 s", "yes"]
    assert line(facts, what)[2] == "**no**, wrong runs"


def test_the_report_counts_the_wrong_runs_of_each_part(tmp_path):
    facts = Facts(tmp_path)
    facts.keep("ranks", "full", Part([{"who": "ours, in the process"}], {}))
    right = report.write(facts, tmp_path).read_text()
    facts.keep("fanout", "full", Part([FANOUT, FANOUT | {"wrong": "7 clients lost"}], {}))

    assert "Wrong runs" not in right
    assert "no line of the model: 1 of `fanout`.\n" in report.write(facts, tmp_path).read_text()


def test_a_plan_that_is_not_full_reaches_no_target(tmp_path):
    facts = Facts(tmp_path)
    facts.keep("fanout", "quick", Part([FANOUT], {}))

    assert {reached for *_, reached in targets.lines(facts)} == {"not measured"}


def test_the_cores_are_those_of_the_machine_that_has_measured(tmp_path):
    facts, what = Facts(tmp_path), "throughput of two processes, to one, where 4 cores are"
    rows = [row(OURS, 50.0), row(TWO_PROCESSES, 100.0)]
    facts.keep("throughput", "full", Part(rows, {}))
    found = []
    for cores in (2, 4):
        machine = f"{cores} cores (AMD EPYC), 24 GiB"
        facts.about["throughput"] = {"plan": "full", "machine": machine}
        found.append(line(facts, what)[2])

    assert found == ["not measured", "yes"]


def test_a_wrong_result_never_counts(tmp_path):
    facts = Facts(tmp_path)
    rows = [row(OURS, 900.0, wrong="3 of 7 users wrong"), row(OURS, 90.0)]
    facts.keep("throughput", "tiny", Part(rows, {}))

    assert facts.median("throughput", "rate", candidate=OURS) == 90.0
