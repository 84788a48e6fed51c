"""How busy the machine is, for tests that measure time."""

import os


def crowding() -> float:
    """Return how many times slower this machine may be than an idle one."""
    return max(1, os.getloadavg()[0] / (os.cpu_count() or 1))
