"""Run the tests: `python -m tests [quick] [arguments of pytest]`.

`quick` runs the tests that need neither Kafka nor a browser.
"""

import sys

import pytest

WORKERS = ["-n", "3", "--dist", "worksteal"]  # each has a Kafka of its own


def main() -> int:
    """Run them; returns pytest's status."""
    arguments = sys.argv[1:]
    if arguments[:1] == ["quick"]:
        print("These tests take less than a minute.", flush=True)
        return pytest.main(["-m", "quick and not long", *WORKERS, *arguments[1:]])
    if not arguments:
        print("All tests take 15 to 25 minutes on two cores; `just test quick` less than one.")
        print("`just test -m long` runs what is left out: failovers of three brokers, long forms.")
        sys.stdout.flush()
    return pytest.main([*WORKERS, *arguments])


if __name__ == "__main__":
    sys.exit(main())
