"""Two reports of one suite compared: paired by case, without their texts too, and never across suites unasked."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest
from tests import offers

from palier.errors import ConfigurationError
from palier.evals.figures import Report
from palier.evals.reports import markdown
from palier.evals.reports.changes import changes
from palier.evals.reports.conditions import failing
from palier.evals.reports.measured import dense, kept, measure
from palier.evals.reports.report import assemble, without_texts

WORSE = {**offers.SHARES, "cascade": (0.4, 0.0007, 600.0)}
DEARER = {**offers.SHARES, "tier-2": (0.9, 0.003, 1400.0)}


@pytest.fixture(scope="module")
def before() -> Report:
    return assemble(offers.run(120), offers.METRICS)


@pytest.fixture(scope="module")
def after() -> Report:
    return assemble(offers.run(120, shares={**WORSE, "tier-2": DEARER["tier-2"]}), offers.METRICS)


def rows(found: Any) -> dict[tuple[str, str], str]:
    return {(r.candidate, r.metric): r.comparison.verdict if r.comparison else r.why for r in found.rows}


def test_what_became_worse_is_told_and_what_did_not_is_not(before: Report, after: Report) -> None:
    found = changes(before, after, compared=["length", "cost"])
    told = rows(found)
    assert told["cascade", "exact"] == "worse"
    assert told["tier-1", "exact"] == "cannot tell"
    assert told["tier-2", "cost"] == "worse"
    assert "cascade by exact" in found.headline
    assert set(told) == {(c, m) for c in ("tier-1", "tier-2", "cascade", "big") for m in ("exact", "length", "cost")}
    one = next(c for c in found.comparisons if (c.candidate, c.metric) == ("cascade", "exact"))
    assert one.difference.value == pytest.approx(
        after.candidates[2].metrics["exact"]["all"].value - before.candidates[2].metrics["exact"]["all"].value
    )  # type: ignore[operator]
    assert all(c.adjusted >= c.p for c in found.comparisons)
    assert failing(msgspec.structs.replace(after, comparisons=found.comparisons), "cascade worse")
    assert not failing(msgspec.structs.replace(after, comparisons=found.comparisons), "tier-1 worse")
    assert "| cascade | exact |" in markdown.changed(found)


def test_texts_are_not_needed(before: Report, after: Report) -> None:
    assert changes(without_texts(before), without_texts(after)) == changes(before, after)


def test_only_quality_is_compared_unless_more_is_named(before: Report, after: Report) -> None:
    found = changes(before, after)
    assert {c.metric for c in found.comparisons} == {"exact"}
    shown = next(row for row in found.rows if (row.candidate, row.metric) == ("tier-2", "cost"))
    assert (shown.before, shown.why) != (None, "")
    assert "--compare cost" in shown.why
    with pytest.raises(ConfigurationError, match="no such metric"):
        changes(before, after, compared=["colour"])


def test_the_same_candidate_is_not_compared_with_itself(before: Report, after: Report) -> None:
    same = [
        msgspec.structs.replace(
            report,
            candidates=tuple(
                msgspec.structs.replace(c, fingerprint="abc") if c.name == "cascade" else c for c in report.candidates
            ),
        )
        for report in (before, after)
    ]
    found = changes(*same)
    assert "cascade" not in {c.candidate for c in found.comparisons}
    assert any(row.why == "the same models, prompts and documents" for row in found.rows)


def test_the_same_twice_is_no_change(before: Report) -> None:
    found = changes(before, before)
    assert found.headline == "Nothing changed."
    assert {c.verdict for c in found.comparisons} == {"cannot tell"}
    assert all(c.needs is None for c in found.comparisons)


def test_other_suites_are_refused_unless_asked_for(before: Report, after: Report) -> None:
    other = msgspec.structs.replace(after, suite=msgspec.structs.replace(after.suite, digest="f" * 16, version="4"))
    with pytest.raises(ConfigurationError, match="changed in between") as raised:
        changes(before, other)
    assert "--anyway" in raised.value.hint
    found = changes(before, other, anyway=True)
    assert any("compared all the same" in note for note in found.notes)
    assert rows(found)["cascade", "exact"] == "worse"


def test_only_cases_of_both_are_compared(before: Report) -> None:
    half = assemble(offers.run(60), offers.METRICS)
    found = changes(before, half, anyway=True)
    assert {c.difference.n for c in found.comparisons} == {60}
    assert any("60 cases are in both; 60 are in one alone" in note for note in found.notes)


def test_candidates_that_were_called_otherwise(before: Report, after: Report) -> None:
    renamed = tuple(
        msgspec.structs.replace(c, name="cascade-v2") if c.name == "cascade" else c for c in after.candidates
    )
    measured = tuple(
        msgspec.structs.replace(
            m, statistics={("cascade-v2" if k == "cascade" else k): v for k, v in m.statistics.items()}
        )
        for m in after.measured
    )
    later = msgspec.structs.replace(after, candidates=renamed, measured=measured)
    found = changes(before, later)
    assert "only before: cascade" in found.notes
    assert "only after: cascade-v2" in found.notes
    assert rows(changes(before, later, renamed={"cascade-v2": "cascade"}))["cascade-v2", "exact"] == "worse"
    with pytest.raises(ConfigurationError, match="no candidate `none` before"):
        changes(before, later, renamed={"cascade-v2": "none"})
    alone = msgspec.structs.replace(later, candidates=renamed[2:3])
    with pytest.raises(ConfigurationError, match="no candidate is in both"):
        changes(before, alone)


def test_a_metric_that_cannot_be_put_together_again_is_left_out(before: Report, after: Report) -> None:
    odd = msgspec.structs.replace(after.measured[0], kind="corpus")
    changed = msgspec.structs.replace(after, measured=(odd, *after.measured[1:]))
    assert "not installed here, or changed" in rows(changes(before, changed))["cascade", "exact"]


def test_kept_statistics_give_the_stated_figure_or_none(before: Report) -> None:
    first = before.measured[0]
    again = kept(before, first)
    assert again is not None
    total = np.sum(list(dense(first, "cascade").values()), axis=0)
    assert float(again.combine(total)) == pytest.approx(before.candidates[2].metrics["exact"]["all"].value)
    lied = tuple(
        msgspec.structs.replace(
            c, metrics={"exact": {"all": msgspec.structs.replace(c.metrics["exact"]["all"], value=0.123)}}
        )
        for c in before.candidates
    )
    assert kept(msgspec.structs.replace(before, candidates=lied), first) is None


def test_an_endless_metric_survives_the_file(before: Report) -> None:
    length = next(m for m in before.measured if m.name == "length")
    assert length.high is None
    again = kept(before, msgspec.json.decode(msgspec.json.encode(length), type=type(length)))
    assert again is not None
    assert again.high == float("inf")


def test_only_numbers_that_are_not_nothing_are_kept() -> None:
    run = offers.run(4)
    found = measure(offers.METRICS[0], run.cases, {"tier-1": run.outcomes["tier-1"]})
    assert found.length == 2
    assert all(len(row) == (2 if row[0][0] == 0 else 1) for row in found.statistics["tier-1"].values())
    assert dense(found, "tier-1").keys() == {case.id for case in run.cases}
