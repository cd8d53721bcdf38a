"""A report from a run: every figure with what it is, unknown where it is, and whole on the disk or not there."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import msgspec
import pytest
from tests import offers

from palier.cases import Outcome, Spell
from palier.errors import ConfigurationError
from palier.evals.figures import Metered, Report
from palier.evals.reports import report as reports
from palier.evals.reports import tallies, wording
from palier.evals.reports.report import assemble, load, save, without_texts, write
from palier.evals.reports.tallies import resources
from palier.metrics.zones import Zone
from palier.types import Guarded, Label, Quantity


@pytest.fixture(scope="module")
def run() -> offers.Run:
    return offers.run(60)


@pytest.fixture(scope="module")
def made(run: offers.Run) -> Report:
    return assemble(run, offers.METRICS)


def by_name(report: Report, name: str) -> offers.Candidate:
    return next(c for c in report.candidates if c.name == name)


def test_figures_are_by_split_tag_language_and_kind(made: Report) -> None:
    one = by_name(made, "tier-2")
    figures = one.metrics["exact"]
    assert set(figures) == {"all", "dev", "holdout"}
    assert (figures["dev"].n, figures["holdout"].n, figures["all"].n) == (45, 15, 60)
    assert set(one.by_tag) == {"fibre", "mobile", "kind:original", "kind:paraphrase", "language:fr", "language:en"}
    assert sum(one.by_tag[f"language:{tongue}"].n for tongue in ("fr", "en")) == 60
    assert one.gap is not None
    assert one.stability is not None


def test_failures_count_as_wrong_and_stand_apart(made: Report, run: offers.Run) -> None:
    one = by_name(made, "tier-1")
    assert one.asked == one.answered + one.abstained + one.failed == 60
    assert one.failed > 0
    assert one.errors == {"upstream_timeout: no first token": one.failed}
    right = sum(
        o.status == "answered" and o.output in case.references
        for case in run.cases
        for o in [run.outcomes["tier-1"][case.id]]
    )
    assert one.metrics["exact"]["all"].value == pytest.approx(right / 60)


def test_what_a_request_takes_is_a_mean_with_its_basis(made: Report) -> None:
    r = by_name(made, "tier-2").resources
    assert r.cost.value is not None
    assert 0.0017 < r.cost.value < 0.002  # failed ones cost nothing
    assert r.energy.basis == "estimated"
    assert (r.energy.low, r.energy.high) == (0.0, pytest.approx(0.02))
    assert r.tokens is not None
    assert (r.tokens.prompt, r.tokens_known) == (400 * 60, 60)


def test_one_unknown_makes_the_mean_unknown_and_says_how_many_are_known() -> None:
    known = Quantity(value=2.0, low=1.0, high=3.0, basis="measured", method="m")
    found = tallies.mean([known, known, Quantity(method="no price is known")])
    assert found.value is None
    assert found.low == pytest.approx(2 / 3)
    assert found.method == "known of 2 of 3: no price is known"
    assert tallies.mean([]).value is None
    assert tallies.mean([Quantity()]).low is None  # and never 0


def test_a_meter_is_taken_rather_than_an_estimate(run: offers.Run) -> None:
    ids = tuple(case.id for case in run.cases)
    metered = Metered(candidate="tier-1", cases=ids, watt_hours=0.6, seconds=30, method="RAPL")
    found = by_name(assemble(msgspec.structs.replace(run, metered=(metered,)), offers.METRICS), "tier-1").resources
    assert (found.energy.value, found.energy.basis) == (pytest.approx(0.01), "measured")
    assert found.carbon.value == pytest.approx(0.01 * 0.001 / 0.02)
    half = msgspec.structs.replace(metered, cases=ids[:30])
    zone = Zone(name="FR", intensity=50.0, pue=1.0, method="zone FR")
    read = by_name(
        assemble(msgspec.structs.replace(run, metered=(half,)), offers.METRICS, zone=zone), "tier-1"
    ).resources
    assert "read on 30 of 60 requests" in read.energy.method
    assert read.carbon.value == pytest.approx(0.02 * 50 / 1000)


def test_what_ran_elsewhere_is_added_to_what_the_meters_of_this_machine_read() -> None:
    def estimated(value: float | None) -> Quantity:
        return Quantity(value=value, low=value, high=value, basis="estimated" if value else "unknown", method="cloud")

    def climbed(id: str, energy: Quantity) -> Outcome:
        home = Spell(tier="tier-1", model="small", outcome="climbed", energy=estimated(7.0), busy_ms=1.0)
        away = Spell(tier="tier-2", model="cloud", outcome="answered", energy=energy, carbon=energy, busy_ms=1.0)
        return Outcome(id=id, candidate="cascade", spells=(home, away))

    metered = [Metered(candidate="cascade", cases=("a", "b"), watt_hours=0.2, seconds=1, method="RAPL")]
    zone = Zone(name="FR", intensity=50.0, pue=1.0, method="zone FR")
    both = [climbed("a", estimated(2.0)), climbed("b", estimated(4.0))]
    found = resources(both, metered, zone, ("cloud",))
    assert (found.energy.value, found.energy.basis) == (pytest.approx(0.1 + 3.0), "estimated")
    assert found.carbon.value == pytest.approx(0.1 * 50 / 1000 + 3.0)
    assert resources(both, metered, None, ("cloud",)).carbon.value is None
    assert resources([both[0], climbed("b", estimated(None))], metered, zone, ("cloud",)).energy.value is None
    assert resources(both, metered, zone).energy.value == pytest.approx(0.1)


def test_latency_is_of_one_load_and_a_mix_is_said(run: offers.Run) -> None:
    slow = {
        k: msgspec.structs.replace(o, concurrency=1, latency_ms=99_999.0) if i < 9 else o
        for i, (k, o) in enumerate(run.outcomes["tier-1"].items())
    }
    found = assemble(msgspec.structs.replace(run, outcomes={**run.outcomes, "tier-1": slow}), offers.METRICS)
    latency = by_name(found, "tier-1").latency
    assert latency is not None
    assert latency.total is not None
    assert (latency.concurrency, latency.total.p99 < 1000) == (4, True)
    assert any("tier-1: asked 1 and 4 at once" in note for note in found.notes)
    total, first, each = latency.total, latency.first, latency.per_token
    assert first is not None
    assert each is not None
    assert first.p50 == pytest.approx(60.0)
    assert each.p50 == pytest.approx((total.p50 - 60.0) / 19, rel=0.2)


def test_published_figures_are_what_the_page_says_and_nothing_else(made: Report) -> None:
    page = by_name(made, "leaderboard")
    assert page.metrics["exact"]["all"].method == "Wilson, given n"
    assert (page.resources.cost.value, page.resources.carbon.value, page.asked) == (0.00333, None, 0)


def test_comparisons_are_with_the_last_tier_that_is_no_simulation(made: Report) -> None:
    assert {(c.candidate, c.baseline, c.metric) for c in made.comparisons} == {
        ("tier-1", "tier-2", "exact"), ("cascade", "tier-2", "exact"), ("big", "tier-2", "exact"),
    }  # fmt: skip
    large = assemble(offers.run(160), offers.METRICS)
    assert next(c for c in large.comparisons if c.candidate == "tier-1").verdict == "worse"


def test_where_a_candidate_was_tuned_on_dev_the_holdout_is_compared(run: offers.Run) -> None:
    tuned = tuple(msgspec.structs.replace(c, tuned_on="dev") if c.name == "cascade" else c for c in run.candidates)
    found = assemble(
        msgspec.structs.replace(run, candidates=tuned), offers.METRICS, compared=("length",), baseline="cascade"
    )
    assert {c.split for c in found.comparisons} == {"holdout"}
    assert {c.metric for c in found.comparisons} == {"exact", "length"}
    assert any("cascade: tuned on dev" in note for note in found.notes)


def test_notes_say_few_cases_simulation_and_the_holdout(made: Report) -> None:
    said = " ".join(made.notes)
    assert "30 independent cases are few" in said
    assert "big: simulated" in said
    assert "the holdout was used" in said


def test_a_confidence_is_held_against_what_came(made: Report) -> None:
    bins = by_name(made, "tier-1").reliability
    assert bins
    assert sum(b["count"] for b in bins) == by_name(made, "tier-1").answered
    assert bins[0]["observed"] < bins[-1]["observed"]


def test_the_label_is_that_of_the_most_restricted_text(made: Report, run: offers.Run) -> None:
    assert made.suite.label is Label.CONFIDENTIAL
    cases = (msgspec.structs.replace(run.cases[0], label=Label.RESTRICTED), *run.cases[1:])
    assert assemble(msgspec.structs.replace(run, cases=cases), offers.METRICS).suite.label is Label.RESTRICTED


def test_without_texts_nothing_anyone_said_is_left(made: Report) -> None:
    bare = without_texts(made)
    content = msgspec.json.encode(bare)
    for word in (b"Combien", b"euros", b"I do not know", b"costs that much", b"no first token"):
        assert word in msgspec.json.encode(made)
        assert word not in content
    assert bare.candidates[0].metrics == made.candidates[0].metrics
    assert [o.metrics for o in bare.outcomes] == [o.metrics for o in made.outcomes]
    assert bare.suite.label is Label.INTERNAL


def test_each_outcome_has_its_figures(made: Report) -> None:
    for outcome in made.outcomes[:40]:
        assert outcome.metrics["length"] == len(outcome.output)
        assert outcome.metrics["exact"] in (0.0, 1.0)


def test_long_texts_and_halves_of_characters_are_mended(run: offers.Run, tmp_path: Path) -> None:
    case = run.cases[0]
    long = msgspec.structs.replace(run.outcomes["tier-1"][case.id], output="x" * 1_000_000, status="answered")
    odd = msgspec.structs.replace(case, input="lone \ud800")
    outcomes = {**run.outcomes, "tier-1": {**run.outcomes["tier-1"], case.id: long}}
    changed = msgspec.structs.replace(run, cases=(odd, *run.cases[1:]), outcomes=outcomes)
    write(assemble(changed, offers.METRICS), tmp_path / "r.json")
    again = load(tmp_path / "r.json")
    kept = next(o for o in again.outcomes if (o.candidate, o.id) == ("tier-1", case.id))
    assert kept.output.endswith("[cut: it has 1,000,000 characters]")
    assert kept.metrics["length"] == 1_000_000
    assert again.cases[0].input == "lone \ufffd"


def test_it_is_read_as_it_was_written_and_is_its_owners_alone(made: Report, tmp_path: Path) -> None:
    path = tmp_path / "deep" / "report.json"
    write(made, path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load(path) == made
    assert [p.name for p in path.parent.iterdir()] == ["report.json"]


def test_what_cannot_be_written_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "report.json"
    save(b"before", path)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(reports.os, "fsync", full)
    with pytest.raises(ConfigurationError, match="No space left"):
        save(b"after", path)
    assert path.read_bytes() == b"before"
    assert [p.name for p in tmp_path.iterdir()] == ["report.json"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"{}", "its format is ``"),
        (b'{"format": "palier-bench-report-9"}', "its format is `palier-bench-report-9`"),
        (b'{"format": "palier-bench-report-1"}', "missing required field"),
        (b"nope", "no report of a benchmark"),
        (b"\xff", "no report of a benchmark"),
        (b"[" * 100_000, "no report"),
    ],
)
def test_what_is_no_report_is_said_to_be_none(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "report.json"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=says):
        load(path)


def test_a_run_of_nothing_is_a_report_of_nothing(run: offers.Run) -> None:
    nothing = msgspec.structs.replace(run, cases=(), outcomes={}, candidates=run.candidates[:1])
    one = assemble(nothing, offers.METRICS).candidates[0]
    assert (one.asked, one.metrics["exact"]["all"].value, one.resources.cost.value, one.latency) == (
        0,
        None,
        None,
        None,
    )
    assert json.loads(msgspec.json.encode(one))["metrics"]["exact"]["all"]["value"] is None


def test_what_guards_did_is_counted_once_a_case() -> None:
    def said(action: str, tier: str = "a", **more: object) -> Guarded:
        return Guarded(guard="cited", place="draft", action=action, tier=tier, **more)  # type: ignore[arg-type]

    outcomes = [
        Outcome(id="1", candidate="x", guards=(said("climb"), said("pass", "b"))),
        Outcome(id="2", candidate="x", guards=(said("climb"), said("climb", "b"))),
        Outcome(id="3", candidate="x", guards=(said("pass", failed=True),)),
        Outcome(id="4", candidate="x"),
    ]
    found = tallies.guarded(outcomes)
    assert found == {"cited": {"looked": 3, "climb": 2, "failed": 1}}
    assert wording.guards(found) == "cited: climb 2, failed 1 of 3"
    assert wording.guards({"cited": {"looked": 2}}) == "cited: let all pass of 2"
