"""Delete the data of the demo and of `local.hosts`, unless they run: `just reset`."""

import contextlib
import shutil
import sys

from local import claims
from local.kafka import DATA


def main() -> int:
    """Delete everything in the folder of Kafka's data; status 1 if a broker uses some of it."""
    DATA.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        for folder in {DATA, *(lock.parent for lock in DATA.parent.glob("*/lock"))}:
            try:
                stack.enter_context(claims.directory(folder))
            except claims.Taken:
                print(f"nothing is deleted: a Kafka uses {folder}, end it first", file=sys.stderr)
                return 1
        shutil.rmtree(DATA.parent)
    return 0


if __name__ == "__main__":
    sys.exit(main())
