"""Every case an outcome; what is finished is not asked again."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from tests.installation import Scripted, entrant, suite

from palier.cards import ModelCard
from palier.cases import Case, Outcome, Spell
from palier.errors import StoreError
from palier.evals.figures import Candidate, Run
from palier.evals.runs import kept, running
from palier.evals.runs.candidates import Planned
from palier.evals.runs.kept import Results
from palier.evals.runs.running import Entrant, Options
from palier.types import Label

USUAL = Options()


async def ran(
    folder: Path, *inputs: str, asker: Scripted | None = None, options: Options = USUAL, name: str = "a"
) -> tuple[Run, Scripted]:
    asker = asker or Scripted()
    asked = suite(*inputs)
    return await running.run(asked, asked.cases, [entrant(name)], asker, Results(folder), options), asker


async def test_an_answer_an_abstention_and_failures_are_outcomes(tmp_path: Path) -> None:
    run, _ = await ran(tmp_path, "hello", "unknown", "down", "invalid", "bug", "never", options=Options(timeout_s=0.05))
    found = run.outcomes["a"]
    assert [outcome.status for outcome in found.values()] == ["answered", "abstained", *["failed"] * 4]
    answer = found["1"]
    assert (answer.output, answer.said, answer.tier) == ("HELLO", "", "tier-1")
    assert answer.usage is not None
    assert (answer.usage.prompt, answer.cost.value, answer.concurrency) == (3, 0.5, 4)
    assert answer.first_ms is not None
    assert answer.latency_ms is not None
    assert 0 < answer.first_ms <= answer.latency_ms
    assert (found["2"].output, found["2"].said) == ("", "I don't know")
    assert [found[n].error for n in "3456"] == [
        "unavailable: nobody is there",
        "invalid_request: it speaks no Breton",
        "internal_error: ZeroDivisionError",
        "upstream_timeout: no answer within 0.05 s",
    ]
    assert list(found) == list("123456"), "in the order of the cases"
    assert all(outcome.output == "" for outcome in found.values() if outcome.status != "answered")


async def test_what_is_finished_is_not_asked_again_unless_it_may_succeed_now(tmp_path: Path) -> None:
    inputs = ("hello", "unknown", "down", "invalid")
    _, first = await ran(tmp_path, *inputs)
    run, second = await ran(tmp_path, *inputs, "new", name="b")
    assert len(first.asked) == 4
    assert sorted(second.asked) == ["down", "new"]
    assert {outcome.candidate for outcome in run.outcomes["b"].values()} == {"b"}, "whatever it is called"
    _, third = await ran(tmp_path, *inputs, options=Options(retry=True))
    assert sorted(third.asked) == ["down", "invalid"]
    _, fourth = await ran(tmp_path, *inputs, options=Options(again=True))
    assert sorted(fourth.asked) == sorted(inputs)
    _, fifth = await ran(tmp_path, "hello", "unknown")
    assert fifth.asked == []
    assert fifth.readied == 0, "nothing is started for nothing"


async def test_concurrency_is_kept_to_and_is_no_part_of_the_key(tmp_path: Path) -> None:
    inputs = [f"case {n}" for n in range(12)]
    _, asker = await ran(tmp_path, *inputs, asker=Scripted(takes_s=0.005), options=Options(concurrency=3))
    assert asker.most == 3
    _, again = await ran(tmp_path, *inputs, options=Options(concurrency=1))
    assert again.asked == []


async def test_one_that_is_down_is_not_asked_for_ever(tmp_path: Path) -> None:
    inputs = [f"down {n}" for n in range(60)]
    run, asker = await ran(tmp_path, *inputs, options=Options(concurrency=1))
    assert len(asker.asked) == running.IN_A_ROW
    last = run.outcomes["a"]["60"]
    assert last.status == "failed"
    assert last.error.startswith("not_asked: 20 cases in a row failed, the last by unavailable")
    assert running.unreachable(run)
    _, again = await ran(tmp_path, *inputs, options=Options(concurrency=1))
    assert len(again.asked) == running.IN_A_ROW, "another day it may be there"


async def test_cases_that_one_cannot_be_asked_do_not_stop_it(tmp_path: Path) -> None:
    inputs = [*(f"invalid {n}" for n in range(40)), "hello"]
    run, asker = await ran(tmp_path, *inputs, options=Options(concurrency=1))
    assert len(asker.asked) == 41
    assert run.outcomes["a"]["41"].status == "answered"
    assert not running.unreachable(run)


async def test_cancelled_it_leaves_what_was_finished(tmp_path: Path) -> None:
    asker = Scripted()
    task = asyncio.create_task(ran(tmp_path, "one", "two", "never", asker=asker, options=Options(concurrency=1)))
    while len(asker.asked) < 3:
        await asyncio.sleep(0.001)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    _, again = await ran(tmp_path, "one", "two", "three")
    assert again.asked == ["three"]


async def test_a_disk_that_is_full_ends_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: kept.Writer, outcome: Outcome, origin: str = "") -> None:
        raise StoreError("no space")

    monkeypatch.setattr(kept.Writer, "add", full)
    with pytest.raises(StoreError, match="no space"):
        await ran(tmp_path, "one", "two")


async def test_imported_results_are_asked_nothing(tmp_path: Path) -> None:
    given = {"1": Outcome(id="1", candidate="theirs", output="HELLO")}
    imported = Entrant(Planned("log", "imported", ""), Candidate(name="log", kind="imported"), given=given)
    page = Entrant(Planned("page", "published", ""), Candidate(name="page", kind="published"))
    asked, asker = suite("hello", "more"), Scripted()
    run = await running.run(asked, asked.cases, [imported, page], asker, Results(tmp_path))
    assert (asker.asked, run.outcomes) == ([], {"log": {"1": msgspec.structs.replace(given["1"], candidate="log")}})
    assert not running.unreachable(run)


async def test_the_label_and_the_language_of_a_case_are_asked_with_it(tmp_path: Path) -> None:
    case = Case(id="1", input="hello", label=Label.RESTRICTED, language="br")
    posed = running.pose(suite(), entrant(), case, Scripted())
    request = posed.request()
    assert (request.label, request.language) == (Label.RESTRICTED, "br")
    assert posed.request().id != request.id
    other = running.pose(suite(), entrant(), msgspec.structs.replace(case, id="2", label=None), Scripted())
    assert other.key != posed.key


def test_a_limit_draws_whole_families_the_same_each_time() -> None:
    cases = tuple(Case(id=str(n), family=f"f{n // 2}", split="dev" if n < 60 else "holdout") for n in range(100))
    asked = suite(cases=cases)
    assert running.select(asked) == cases
    assert len(running.select(asked, "dev")) == 60
    few, more = running.select(asked, limit=10), running.select(asked, limit=20)
    assert len(few) == 10
    assert set(few) <= set(more)
    assert few == running.select(asked, limit=10)
    assert all(sum(other.group == case.group for other in few) == 2 for case in few)
    assert [int(case.id) for case in few] == sorted(int(case.id) for case in few)


class Counting:
    """`Meters` that count ten joules at each reading."""

    domains = ("package-0",)
    method = "metered: all that package-0 took"

    def __init__(self) -> None:
        self.joules = 0.0

    def read(self) -> Mapping[str, float]:
        self.joules += 10
        return {"package-0": self.joules}

    def since(self, before: Mapping[str, float]) -> float | None:
        return (self.read()["package-0"] - before["package-0"]) / 3600


async def test_meters_count_while_a_candidate_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("palier.evals.runs.metering.REST_S", 0.01)
    asked = suite("hello", "more")
    results = Results(tmp_path)
    run = await running.run(asked, asked.cases, [entrant()], Scripted(), results, meters=Counting())
    (counted,) = run.metered
    assert counted.candidate == "a"
    assert sorted(counted.cases) == ["1", "2"]
    assert counted.watt_hours == pytest.approx(10 / 3600)
    assert counted.idle_w is not None
    assert counted.idle_w > 0
    again = await running.run(asked, asked.cases, [entrant()], Scripted(), results, meters=Counting())
    assert again.metered == (), "nothing was asked"


async def test_an_abstention_after_a_failure_is_asked_again(tmp_path: Path) -> None:
    """The model that might have known may be there now: what it missed is no word of the cascade's own."""
    results, asked = Results(tmp_path), suite("hello")
    run = await running.run(asked, asked.cases, [entrant("a")], Scripted(), results, USUAL)
    kept_one = run.outcomes["a"]["1"]
    spell = Spell(tier="tier-2", model="m", outcome="failed")
    writer = results.open(entrant("a").key)
    writer.add(msgspec.structs.replace(kept_one, status="abstained", spells=(spell,)))
    writer.close()
    asker = Scripted()
    run = await running.run(asked, asked.cases, [entrant("a")], asker, results, USUAL)
    assert asker.asked == ["hello"]
    assert run.outcomes["a"]["1"].status == "answered"


async def test_what_generates_nothing_is_given_the_question_without_instructions(tmp_path: Path) -> None:
    asked = msgspec.structs.replace(suite("hello"), prompt="Which one? {input}")
    base = entrant("a")
    planned = replace(base.planned, prompt="Which one? {input}")
    for generates, sent in ((True, "Which one? hello"), (False, "hello")):
        asker = Scripted()
        cards = (ModelCard(name="m", kind="head", generates=generates),)
        one = replace(base, planned=planned, cards=cards, key=f"{int(generates)}" * 64)
        await running.run(asked, asked.cases, [one], asker, Results(tmp_path), USUAL)
        assert asker.asked == [sent]
