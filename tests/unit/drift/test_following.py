"""A lasting watch: a finding is told once, until it is over and has come back."""

from __future__ import annotations

import numpy as np

from palier.drift.following import RECENT, Followed, advance, at_fault, follow
from palier.drift.reference import fit
from palier.drift.report import Alert, Sources, Window
from palier.drift.signals import Observed

WINDOW = Window(since=0, until=1)
COMMON = Alert(id="support/0/1", at=5.0, route="support", signal="", state="drifting")


def climbing(n: int, share: float, seed: int) -> list[Observed]:
    rng = np.random.default_rng(seed)
    return [
        Observed(values={"escalated": float(rng.random() < share), "confidence": float(rng.random())}) for _ in range(n)
    ]


def test_it_is_told_once_and_again_only_when_it_came_back() -> None:
    reference = fit(WINDOW, climbing(1000, 0.2, 1))
    followed = follow(reference, 0.05, 7)
    assert {one.martingale.delta for one in followed.values()} == {0.025}
    told: list[Alert] = []

    def look(share: float, seed: int, times: int = 1) -> dict[str, Followed]:
        nonlocal followed
        for n in range(times):
            followed, alerts = advance(reference, followed, climbing(250, share, seed + n), None, COMMON, n)
            told.extend(alerts)
        return followed

    look(0.2, 10, 2)
    assert told == []
    look(0.4, 20, 6)
    (first,) = told
    assert (first.signal, first.state, first.id) == ("escalated", "drifting", "support/0/1/escalated")
    assert first.effect is not None
    assert first.low is not None
    assert 0 < first.low < first.effect < 0.4
    assert first.now is not None
    assert first.now > 0.3 > (first.before or 0)
    look(0.2, 40, 3)
    assert [one.state for one in told] == ["drifting", "over"]
    assert told[1].id == f"{first.id}-over"
    assert look(0.4, 60, 6)["escalated"].alert is told[2]
    assert [one.state for one in told] == ["drifting", "over", "drifting"]


def test_what_is_kept_does_not_grow() -> None:
    reference = fit(WINDOW, climbing(200, 0.2, 1))
    followed = follow(reference, 0.05, 7)
    for n in range(3):
        followed, _ = advance(reference, followed, climbing(400, 0.2, n), None, COMMON, n)
    assert {len(one.recent) for one in followed.values()} == {RECENT}
    assert {one.martingale.n for one in followed.values()} == {1200}


def test_documents_are_counted_and_told_once() -> None:
    def of(stale: int) -> list[Sources]:
        return [Sources(collection="faq", documents=100, stale=stale, empty=0, duplicated=0)]

    before, open_ = {"faq": of(10)[0].shares}, {}
    assert at_fault(before, of(14), open_, COMMON) == []
    (told,) = at_fault(before, of(16), open_, COMMON)
    assert (told.signal, told.state, told.n) == ("sources/faq/stale", "drifting", 100)
    assert at_fault(before, of(30), open_, COMMON) == []
    assert at_fault(before, of(13), open_, COMMON) == []
    (over,) = at_fault(before, of(12), open_, COMMON)
    assert (over.state, open_) == ("over", {})
    assert at_fault({}, of(5), open_, COMMON)[0].before == 0.0
