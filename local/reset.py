"""Delete the data of the demo, unless it runs: `just reset`."""

import shutil
import sys

from local import claims
from local.kafka import DATA


def main() -> int:
    """Delete Kafka's data and everything else in their folder; status 1 if a broker uses them."""
    DATA.mkdir(parents=True, exist_ok=True)
    try:
        with claims.directory(DATA):
            shutil.rmtree(DATA.parent)
    except claims.Taken:
        print(f"nothing is deleted: a Kafka uses {DATA}, end the demo first", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
