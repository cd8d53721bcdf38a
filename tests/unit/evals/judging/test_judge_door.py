"""A judge in a cloud, behind the real door: what it receives byte for byte, and what it never does."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from tests.judges import answered

from palier.app import Palier
from palier.app.bench import Bench, open_bench
from palier.cases import Case, Outcome, Retrieved, Suite
from palier.config import Settings, parse
from palier.evals.judging.judge import ROUTE, judge, judge_of, route_of
from palier.evals.judging.judged import judged
from palier.evals.runs.candidates import resolve
from palier.interfaces.ledger import EntryFilter
from palier.testing.upstream import Call, Upstream, Wire, answers
from palier.types import Document, Label

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECRET = "The salary of the director is 9,000 euros, and the board has not told anybody about it so far."
CASES = (
    Case(id="open", input="What does the fibre cost?", references=("29.99 euros",), label=Label.PUBLIC),
    Case(id="case", input="Zanzibar plan?", references=("The plan",), label=Label.RESTRICTED),
    Case(id="answer", input="Who rules?", references=("Nobody",), label=Label.PUBLIC),
    Case(id="reference", input="Pay of the head?", references=("A lot",), label=Label.PUBLIC, relevant=("ceo.md",)),
    Case(id="quoted", input="How much?", references=(SECRET,), label=Label.PUBLIC),
    Case(id="cited", input="Which one?", references=("That",), label=Label.PUBLIC),
)
OUTCOMES = {
    "tier-1": {
        "open": answered("tier-1", CASES[0], "It costs 29.99 euros, says ana@example.org.", label=Label.PUBLIC),
        "case": answered("tier-1", CASES[1], "Sure", label=Label.PUBLIC),
        "answer": answered("tier-1", CASES[2], "Ruritania rules", label=Label.RESTRICTED),
        "reference": answered("tier-1", CASES[3], "Plenty", label=Label.PUBLIC),
        "quoted": answered("tier-1", CASES[4], "9,000 euros", label=Label.PUBLIC),
        "cited": answered(
            "tier-1",
            CASES[5],
            "This",
            label=Label.PUBLIC,
            retrieved=(Retrieved(document="shelf/x.md", cited=True, text="Hush hush", label=Label.CONFIDENTIAL),),
        ),
    }
}
SUITE = Suite(name="door", route="support", cases=CASES, language="en")


def settings(folder: Path, url: str, **route: Any) -> Settings:
    cloud = {"kind": "endpoint", "base_url": url, "model": "m", "price": {"input": 1.0, "output": 2.0}}
    own = {"collections": ["shelf"], "message_label": "public", **route}
    tree = {
        "data": "data",
        "redaction": {"names": "off"},
        "models": {"quote": {"kind": "extract"}, "cloud": cloud},
        "routes": {"support": {**own, "tiers": [{"model": "quote"}, {"model": "cloud", "highest_label": "internal"}]}},
    }
    return parse(tree, root=folder)


async def grade(call: Call, wire: Wire) -> None:
    form = call.json.get("response_format", {}).get("type", "text")
    await answers('{"A": 4, "B": 5}' if form == "json_schema" else "A: 4\nB: 5", usage=(100, 10))(call, wire)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def installed(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Upstream, Bench, Settings]]:
    folder = tmp_path_factory.mktemp("door")
    async with Upstream(default=grade) as upstream:
        mine = settings(folder, upstream.url)
        async with Palier.open(mine) as palier:
            await palier.put_documents(
                [
                    Document(id="fibre.md", collection="shelf", text="The fibre is 29.99 euros.", label=Label.PUBLIC),
                    Document(id="ceo.md", collection="shelf", text=SECRET, label=Label.RESTRICTED),
                ]
            )
        (alone,) = resolve(SUITE, mine, ["tier-2"])
        assert alone.route is not None
        route = route_of(mine, "tier-2", alone.route)
        async with open_bench(mine, resolve(SUITE, mine, ["tier-1"]), further={ROUTE: route}) as bench:
            yield upstream, bench, mine


async def judging(bench: Bench, cases: tuple[Case, ...] = CASES) -> Any:
    route = bench.palier.settings.routes[ROUTE]
    by = judge_of("tier-2", route, bench.palier.cards(ROUTE)[0], (await bench.keys())[ROUTE])
    outcomes = {"tier-1": {case.id: OUTCOMES["tier-1"][case.id] for case in cases}}
    return await judge(by, SUITE, cases, outcomes, bench, bench.results, labels=bench.corpus.labels)


async def test_only_what_may_leave_reaches_a_judge_in_a_cloud(installed: tuple[Upstream, Bench, Settings]) -> None:
    upstream, bench, _ = installed
    verdicts = await judging(bench)
    states = {case: one.state for (_, case), one in verdicts.judgings.items()}
    assert states == {
        "open": "graded",
        "case": "withheld",
        "answer": "withheld",
        "reference": "withheld",
        "quoted": "withheld",
        "cited": "withheld",
    }
    received = b"".join(call.body for call in upstream.calls)
    for words in ("Zanzibar", "Ruritania", "Pay of the head", "9,000", "Hush", "Which one", "ana@example.org"):
        assert words.encode() not in received
    assert b"29.99 euros" in received
    assert len(upstream.calls) == 2
    figures = judged(verdicts, CASES, OUTCOMES)
    assert (figures.withheld, figures.asked, figures.cases) == (5, 2, 1)
    assert figures.cost.value == pytest.approx(2 * (100 + 2 * 10) / 1e6)
    assert sum(figures.reasons.values()) == 5
    assert any("restricted" in reason for reason in figures.reasons)


async def test_what_it_is_sent_is_two_messages_and_no_document(installed: tuple[Upstream, Bench, Settings]) -> None:
    upstream, bench, _ = installed
    case = Case(id="fresh", input="Is the fibre cheap?", references=("Yes",), label=Label.PUBLIC)
    OUTCOMES["tier-1"]["fresh"] = Outcome(id="fresh", candidate="tier-1", output="Yes, quite", label=Label.PUBLIC)
    before = len(upstream.calls)
    await judging(bench, (case,))
    sent = [call.json for call in upstream.calls[before:]]
    assert len(sent) == 2
    for body in sent:
        assert [message["role"] for message in body["messages"]] == ["system", "user"]
        assert "<documents>" not in json.dumps(body)
        assert body["temperature"] == 0.0
        assert "seed" in body
    orders = [body["messages"][1]["content"].index("Yes, quite") for body in sent]
    assert orders[0] != orders[1]
    del OUTCOMES["tier-1"]["fresh"]


async def test_a_second_run_asks_nothing(installed: tuple[Upstream, Bench, Settings]) -> None:
    upstream, bench, _ = installed
    first = await judging(bench)
    before = len(upstream.calls)
    again = await judging(bench)
    assert len(upstream.calls) == before
    assert again.judgings == first.judgings


async def test_judgements_are_in_the_ledger_as_what_left(installed: tuple[Upstream, Bench, Settings]) -> None:
    _, bench, _ = installed
    await judging(bench)
    entries = [link.entry for link in await bench.palier.ledger.entries(EntryFilter())]
    assert {(one.route, one.destination, one.label) for one in (entry.clearance for entry in entries)} == {
        (ROUTE, "cloud", Label.PUBLIC)
    }


async def test_nothing_of_a_local_only_route_reaches_it(tmp_path: Path) -> None:
    async with Upstream(default=grade) as upstream:
        mine = settings(tmp_path, upstream.url, local_only=True, collections=[])
        (alone,) = resolve(SUITE, mine, ["cloud"])
        assert alone.route is not None
        route = route_of(mine, "cloud", alone.route)
        async with open_bench(mine, resolve(SUITE, mine, ["tier-1"]), further={ROUTE: route}) as bench:
            verdicts = await judging(bench, CASES[:1])
        assert verdicts.judgings["tier-1", "open"].state == "withheld"
        assert not upstream.calls
