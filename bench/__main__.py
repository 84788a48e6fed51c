"""`python -m bench [full|quick|tiny] [PART…]`: measure on a separate broker, and write a report.

Parts that were measured earlier stay in the report until they are measured again.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from bench import report
from bench.broker import Broker
from bench.facts import Facts
from bench.parts import PARTS
from bench.plan import PLANS
from local.kafka import running

RESULTS = Path(__file__).parent / "results"


def measure(facts: Facts, plan: str, names: list[str]) -> None:
    """Measure these parts, and keep the measurements.

    With the plan `full` each part has its own broker, which does not compact for another part. The
    other plans use one broker for all parts, to save time.
    """
    shifts = [[name] for name in names] if plan == "full" else [names]
    for shift in shifts:
        with tempfile.TemporaryDirectory() as data, running(Path(data) / "kafka") as address:
            broker = Broker(address, Path(data))
            for name in shift:
                print(name, flush=True)
                facts.keep(name, plan, PARTS[name](broker, PLANS[plan]))


def main() -> int:
    """Measure, and print the report."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("plan", nargs="?", choices=list(PLANS), default="full")
    parser.add_argument(
        "parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}, or none: all"
    )
    parser.add_argument("--into", type=Path, default=RESULTS, help="where the report is written")
    parser.add_argument("--report", action="store_true", help="measure nothing, write the report")
    options = parser.parse_args()
    unknown = set(options.parts) - set(PARTS)
    if unknown:
        parser.error(f"no such part: {', '.join(unknown)}")
    facts = Facts(options.into)
    if not options.report:
        measure(facts, options.plan, options.parts or list(PARTS))
    path = report.write(facts, options.into)
    print(path.read_text())
    print(f"written to {path}, with plots and JSON beside it")
    return 0


if __name__ == "__main__":
    sys.exit(main())
