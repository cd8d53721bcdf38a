"""Benchmarks: figures of the reports that are kept, never a text of a case; two compared; what is none, refused."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from html import unescape
from pathlib import Path

import msgspec
import pytest
from tests import offers
from tests.serving import Served
from tests.unit.server.console.conftest import HOSTILE, Person

from palier.access import Role
from palier.evals.reports import report as reports
from palier.types import Label

People = Callable[..., Person]
WORSE = {**offers.SHARES, "cascade": (0.4, 0.0007, 600.0)}
SURE = {**offers.SHARES, "tier-2": (0.5, 0.002, 1400.0)}
SECRET = "the words of a case"


@pytest.fixture(scope="module")
def folder(gateway: Served) -> Iterator[Path]:
    """The reports of the gateway: two of one suite, one of another, and what is no report."""
    place = gateway.palier.settings.folder / "bench" / "reports"
    before = reports.assemble(offers.run(60), offers.METRICS)
    after = reports.assemble(offers.run(60, shares=WORSE), offers.METRICS)
    hostile = msgspec.structs.replace(
        before,
        suite=msgspec.structs.replace(before.suite, name="other", title=HOSTILE, label=Label.RESTRICTED),
        notes=(f"bear {HOSTILE}",),
        cases=tuple(msgspec.structs.replace(case, input=SECRET) for case in before.cases),
        candidates=tuple(msgspec.structs.replace(one, errors={f"error: {SECRET}": 2}) for one in before.candidates),
    )
    for name, one in (("one", before), ("two", after), ("hostile", hostile)):
        reports.write(one, place / f"{name}.json")
    (place / "broken.json").write_text('{"format": "palier-bench-report-1", "suite": 7}')
    (place / "other.json").write_text('{"format": "another"}')
    yield place
    for file in place.iterdir():
        file.unlink()


def test_reports_are_listed_and_shown_without_a_text(people: People, folder: Path) -> None:
    person = people(Role.VIEWER)
    shown = person.get("/console/benchmarks").text
    assert all(f"/reports/{name}" in shown for name in ("one", "two", "hostile"))
    assert "/reports/broken" not in shown
    assert "/reports/other" not in shown
    assert "restricted" in shown
    one = person.get("/console/benchmarks/reports/hostile").text
    for text in (shown, one):
        assert "<script>alert" not in text
        assert "⟨U+202E⟩" in text
    assert SECRET not in one
    assert "cascade" in one
    assert "bear" in one


def test_a_plot_has_its_front_and_its_intervals(people: People, folder: Path) -> None:
    text = people(Role.VIEWER).get("/console/benchmarks/reports/one").text
    drawn = [json.loads(unescape(found)) for found in re.findall(r'data-plot="([^"]+)"', text)]
    assert {plot["x_unit"] for plot in drawn} == {"dollars", "grams", "ms"}
    cost = next(plot for plot in drawn if plot["x_unit"] == "dollars")
    assert cost["x"] == sorted(cost["x"])
    front, *points = cost["series"]
    assert sum(value is not None for value in front["values"]) >= 2
    for at, point in enumerate(points):
        assert [n for n, value in enumerate(point["values"]) if value is not None] == [at]
        assert point["low"][at] <= point["values"][at] <= point["high"][at]


def test_what_cases_cannot_tell_is_not_shown_as_sure(people: People, folder: Path) -> None:
    """On few cases the best is named, and that nothing tells it from the next; on enough, it is shown as good."""
    person = people(Role.VIEWER)
    for name, cases, shares in (("few", 8, offers.SHARES), ("many", 400, SURE)):
        run = offers.run(cases, shares=shares)
        reports.write(reports.assemble(run, offers.METRICS), folder / f"{name}.json")
    few, many = (person.get(f"/console/benchmarks/reports/{name}").text for name in ("few", "many"))
    card = re.compile(r'<section class="card verdict-card( good)?">(.*?)</section>', re.DOTALL)
    unsure, sure = card.search(few), card.search(many)
    assert unsure is not None
    assert sure is not None
    assert not unsure[1]
    assert "cannot tell" in unsure[2]
    assert sure[1]
    assert "cannot tell" not in sure[2]


def test_a_report_is_told_in_french(people: People, folder: Path) -> None:
    shown = people(Role.VIEWER).get("/console/benchmarks/reports/one", **{"Accept-Language": "fr"}).text
    main = shown[shown.index("<main") :]
    assert "Prenez " in main
    assert not re.findall(r'<span lang="en"[^>]*>([^<]*)', main)
    assert "moins bien" in main


def test_two_reports_are_compared(people: People, folder: Path) -> None:
    person = people(Role.VIEWER)
    path = "/console/benchmarks/compare"
    shown = person.get(f"{path}?before=one&after=two").text
    assert re.search(r"cascade.*worse", shown, re.DOTALL)
    assert "Worse: cascade by exact" in shown
    assert person.get(path).status_code == 200
    cost = re.compile(r"<td>cost</td>.{0,400}cannot tell", re.DOTALL)
    assert not cost.search(shown)
    assert cost.search(person.get(f"{path}?before=one&after=two&also=cost").text)
    for query, status in (
        ("before=one&after=one", 400),
        ("before=one&after=hostile", 400),
        ("before=one&after=broken", 400),
        ("before=one&after=none", 404),
        ("before=..%2F..%2Fkey&after=one", 404),
    ):
        assert person.get(f"{path}?{query}").status_code == status, query


@pytest.mark.parametrize("name", ["none", "%2e%2e", "..%2F..%2Fkey", "broken%00"])
def test_what_is_no_report_is_not_there(people: People, folder: Path, name: str) -> None:
    assert people(Role.VIEWER).get(f"/console/benchmarks/reports/{name}").status_code == 404
