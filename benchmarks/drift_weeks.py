"""What a week does to the watch over drift: weekends that differ from weekdays are no change, and how often they are told.

    python -m benchmarks.drift_weeks [--streams 200]

A route is asked 200 times a day; of weekdays 20 % climb, of weekends 20, 30 or 40 %, for ever. The reference is the first
two weeks, and the watch goes on for eight more, at a level of 5 % (one signal), as the gateway runs it: in looks of a
day, which is the default of `every_s`, and of a week. As nothing changes, every alarm is a false one.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np

from benchmarks.results import keep
from palier.drift.following import advance, follow
from palier.drift.reference import fit
from palier.drift.report import Alert, Window
from palier.drift.signals import Observed
from palier.metrics.intervals import wilson

A_DAY, REFERENCE_DAYS, DAYS, LEVEL = 200, 14, 56, 0.05
WEEKDAYS, WEEKENDS = 0.2, (0.2, 0.3, 0.4)
LOOKS = {"day": 1, "week": 7}
COMMON = Alert(id="s", at=0.0, route="s", signal="", state="drifting")


def asked(rng: np.random.Generator, days: int, weekends: float) -> list[list[Observed]]:
    """Requests, day by day from a Monday on."""
    found = []
    for day in range(days):
        climbed = rng.random(A_DAY) < (weekends if day % 7 >= 5 else WEEKDAYS)
        found.append([Observed(values={"escalated": float(one)}) for one in climbed])
    return found


def alarmed(seed: int, weekends: float, look: int) -> bool:
    """Whether a stream has an alarm."""
    rng = np.random.default_rng(seed)
    before = [one for day in asked(rng, REFERENCE_DAYS, weekends) for one in day]
    reference = fit(Window(since=0, until=1), before)
    followed = follow(reference, LEVEL, seed)
    after = asked(rng, DAYS, weekends)
    for start in range(0, DAYS, look):
        some = [one for day in after[start : start + look] for one in day]
        followed, alerts = advance(reference, followed, some, None, COMMON, start)
        if alerts:
            return True
    return False


def measure(streams: int) -> dict[str, Any]:
    figures: dict[str, Any] = {"streams": streams, "level": LEVEL, "a_day": A_DAY, "days": DAYS}
    for weekends in WEEKENDS:
        figures[f"{weekends:g}"] = {}
        for name, look in LOOKS.items():
            count = sum(alarmed(seed, weekends, look) for seed in range(streams))
            low, high = wilson(count, streams)
            told = {"value": round(count / streams, 3), "low": round(low, 3), "high": round(high, 3)}
            figures[f"{weekends:g}"][f"looks of a {name}"] = told
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, default=200)
    keep("drift_weeks", measure(parser.parse_args().streams))


if __name__ == "__main__":
    main()
