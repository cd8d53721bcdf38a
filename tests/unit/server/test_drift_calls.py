"""Drift over the admin socket is what it is without: calls and replies survive the wire."""

from __future__ import annotations

import msgspec

from palier.drift.report import Alert, Standing, Window
from palier.server.admin import AnyCall, line
from palier.server.drift_calls import CompareWindows, DriftStandings, RenewReference


def test_calls_are_read_back_as_they_were_written() -> None:
    window = Window(since=1.0, until=2.0)
    for call in (
        CompareWindows(route="support", now=window, against=window, level=0.05),
        DriftStandings(),
        RenewReference(route="support"),
    ):
        assert msgspec.json.decode(line(call), type=AnyCall) == call


def test_a_standing_says_the_same_on_the_other_side() -> None:
    alert = Alert(id="a", at=1.0, route="support", signal="length", state="drifting", effect=0.21, low=0.14, high=0.27)
    standing = Standing(route="support", reference=Window(since=0, until=1, n=300), drifting=(alert,), unsent=1)
    again = msgspec.json.decode(line(standing), type=Standing)
    assert str(again) == str(standing) == "drift: length by 0.21 [0.14, 0.27]; 1 alerts unsent"
