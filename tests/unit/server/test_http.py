"""The process that serves: how the collector is set."""

from __future__ import annotations

import subprocess
import sys

_CHURN = """
import gc
from palier.server.http import _settle

loaded = [[] for _ in range(60_000)]  # as many objects as a process has that is about to serve
_settle()
before = gc.get_stats()[2]["collections"]
in_flight = []
for _ in range(40_000):
    for _ in range(7):
        circle = []
        circle.append(circle)
    in_flight.append(circle)
    del in_flight[:-64]
print(gc.get_stats()[2]["collections"] - before)
"""


def test_the_oldest_garbage_of_a_serving_process_is_collected() -> None:
    """What was in flight when the collector came grows old: with its generation never looked at, it is a leak."""
    done = subprocess.run([sys.executable, "-c", _CHURN], capture_output=True, text=True, timeout=60, check=True)
    assert int(done.stdout) > 0
