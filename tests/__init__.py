"""The tests, in folders that mirror the code; `pipeline` has what needs all of it.

`support` has what several of them share.
"""

from pathlib import Path

ROOT = Path(__file__).parent.parent
