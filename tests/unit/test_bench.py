"""A benchmark beside production: the same documents and gate, and nothing of it in production but the ledger."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.installation import DOCUMENTS, settings, suite

from palier import Palier
from palier.app.bench import Bench, open_bench
from palier.cases import Case, Declared, Suite
from palier.config import Settings
from palier.errors import ConfigurationError, DataFolderBusy
from palier.evals.figures import FORMAT, Report, Run, SuiteSummary
from palier.evals.runs import candidates
from palier.evals.runs.running import Options
from palier.interfaces import EntryFilter
from palier.testing.upstream import Upstream
from palier.types import Document, Label, Principal

ROUTES: dict[str, Any] = {
    "support": {
        "collections": ["shelf"],
        "tiers": [
            {"model": "small", "threshold": 0.99, "highest_label": "restricted", "system": "Be brief."},
            {"model": "large", "highest_label": "internal"},
        ],
    }
}


def shelved(folder: Path, **changed: Any) -> Settings:
    return settings(folder, **{"routes": ROUTES, **changed})


async def ingested(configured: Settings, *documents: Document) -> None:
    async with Palier.open(configured) as palier:
        await palier.put_documents(documents or DOCUMENTS)


async def ran(bench: Bench, asked: Suite, options: Options = Options(concurrency=2)) -> Run:  # noqa: B008
    return await bench.run(asked, asked.cases, await bench.entrants(), options)


async def test_it_runs_beside_a_gateway_and_leaves_no_trace_there(tmp_path: Path) -> None:
    configured = shelved(tmp_path)
    asked = suite("What does the fibre cost?", "Where does the box go?")
    async with Palier.open(configured) as palier:
        await palier.put_documents(DOCUMENTS)
        planned = candidates.resolve(asked, configured)
        async with open_bench(configured, planned) as bench:
            run = await ran(bench, asked)
            work = bench.folder.work
            files = [path for path in bench.folder.path.rglob("*") if path.name != ".gitignore"]
            assert not [path for path in files if stat.S_IMODE(path.stat().st_mode) & 0o077], "for the owner alone"
            with pytest.raises(DataFolderBusy, match="another benchmark"):
                async with open_bench(configured, planned):
                    pass
        assert not work.exists()
        assert await palier.traces.list() == []
        assert (await palier.list_documents("shelf"))[0].id == "box.md"
    first = run.outcomes["tier-1"]["1"]
    assert first.output == "29.99 euros [1]"
    assert [(hit.document, hit.cited) for hit in first.retrieved] == [("shelf/fibre.md", True), ("shelf/box.md", False)]
    assert first.cited[0].text == "The fibre costs 29.99 euros a month."
    assert first.retrieved[1].label is Label.PUBLIC
    assert run.outcomes["cascade"]["1"].spells[0].model == "small"
    assert run.collections["shelf"]["documents"] == 2


async def test_a_route_that_draws_all_its_requests_draws_none_where_no_words_are_kept(tmp_path: Path) -> None:
    drawing = {"support": {**ROUTES["support"], "audit": 1.0}}
    configured = shelved(tmp_path, routes=drawing)
    await ingested(configured)
    asked = suite("What does the fibre cost?")
    async with open_bench(configured, candidates.resolve(asked, configured)) as bench:
        run = await ran(bench, asked)
        assert not await bench.palier.audits.due(9e9, 10)
    assert {outcomes["1"].status for outcomes in run.outcomes.values()} <= {"answered", "abstained"}


async def test_the_budget_of_a_route_neither_stops_it_nor_is_spent_by_it(tmp_path: Path) -> None:
    dear = {"kind": "fake", "file": "script.jsonl", "price": {"input": 0.0, "output": 1e6}}  # a dollar a token
    models = {"small": dear, "large": dear}
    limited = {"support": {**ROUTES["support"], "budget": {"per": "day", "soft": 0.5, "hard": 1.0}}}
    configured = shelved(tmp_path, models=models, routes=limited)
    await ingested(configured)
    asked = suite("What does the fibre cost?", "Where does the box go?", "Hello?")
    async with Palier.open(configured) as palier:
        async with open_bench(configured, candidates.resolve(asked, configured)) as bench:
            run = await ran(bench, asked)
        assert [side.spent for one in palier.budgets.standing() for side in one.sides] == [0.0]
    assert {one.status for outcomes in run.outcomes.values() for one in outcomes.values()} == {"answered"}
    free = shelved(tmp_path, models=models)
    assert await keys(configured, asked) == await keys(free, asked), "what was answered is kept, whatever the limit"


async def test_what_a_killed_one_left_is_gone_with_the_next(tmp_path: Path) -> None:
    configured = shelved(tmp_path)
    await ingested(configured)
    left = configured.folder / "bench" / "work" / "knowledge.db"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half a copy")
    asked = suite("fibre")
    async with open_bench(configured, candidates.resolve(asked, configured, ["small"])) as bench:
        assert (await ran(bench, asked)).outcomes["small"]["1"].status == "answered"
    assert not left.exists()


async def keys(configured: Settings, asked: Suite, who: Principal | None = None) -> dict[str, str]:
    planned = candidates.resolve(asked, configured)
    asking = {} if who is None else {"principal": who}
    async with open_bench(configured, planned, **asking) as bench:
        return {entrant.described.name: entrant.key for entrant in await bench.entrants()}


async def test_a_key_changes_with_all_that_answers_depend_on(tmp_path: Path) -> None:
    configured = shelved(tmp_path)
    await ingested(configured)
    asked = suite("fibre", candidates={"curt": Declared(tier="small", system="One word.")})
    first = await keys(configured, asked)
    assert len(set(first.values())) == 4
    assert await keys(configured, asked) == first
    assert await keys(configured, suite("another", candidates=asked.candidates)) == first, (
        "cases have keys of their own"
    )
    script = tmp_path / "script.jsonl"
    other = await keys(configured, asked, Principal(name="ana", groups=("shop",)))
    assert not set(other.values()) & set(first.values())
    climbing = msgspec.structs.replace(
        configured.routes["support"],
        tiers=(
            msgspec.structs.replace(configured.routes["support"].tiers[0], threshold=0.5),
            configured.routes["support"].tiers[1],
        ),
    )
    thresholds = await keys(msgspec.structs.replace(configured, routes={"support": climbing}), asked)
    assert [name for name in first if thresholds[name] != first[name]] == ["cascade"]
    await ingested(configured, msgspec.structs.replace(DOCUMENTS[0], text="The fibre costs 31 euros a month."))
    documents = await keys(configured, asked)
    assert not set(documents.values()) & set(first.values())
    script.write_text(script.read_text() + '{"answer": "more"}\n')
    assert not set((await keys(configured, asked)).values()) & set(documents.values())


async def test_a_route_that_finds_nothing_is_said_before_anything_is_asked(tmp_path: Path) -> None:
    configured = shelved(tmp_path)
    with pytest.raises(ConfigurationError, match="there is no document in shelf") as raised:
        await keys(configured, suite("fibre"))
    assert "palier ingest" in raised.value.hint
    await ingested(configured, msgspec.structs.replace(DOCUMENTS[0], groups=("shop",)))
    with pytest.raises(ConfigurationError, match="that ana may read"):
        await keys(configured, suite("fibre"), Principal(name="ana"))


async def test_only_what_whoever_asks_may_read_is_found(tmp_path: Path) -> None:
    configured = shelved(tmp_path)
    await ingested(configured, DOCUMENTS[1], msgspec.structs.replace(DOCUMENTS[0], groups=("sales",)))
    async with Palier.open(configured) as palier:
        await palier.access.directory.add("sales", ["ana"])
    asked = suite("What does the fibre cost?")
    planned = candidates.resolve(asked, configured, ["small"])
    found = {}
    for name in ("ana", "bob"):
        async with open_bench(configured, planned, principal=Principal(name=name)) as bench:
            outcome = (await ran(bench, asked)).outcomes["small"]["1"]
            found[name] = [hit.document for hit in outcome.retrieved]
    assert found == {"ana": ["shelf/fibre.md", "shelf/box.md"], "bob": ["shelf/box.md"]}


async def test_what_leaves_stands_in_the_ledger_and_nothing_restricted_leaves(tmp_path: Path) -> None:
    async with Upstream() as upstream:
        cloud = {"kind": "endpoint", "base_url": upstream.url, "model": "m", "retries": 0}
        routes = {"support": {"tiers": [{"model": "cloud", "highest_label": "internal", "redact": False}]}}
        configured = settings(tmp_path, models={"cloud": cloud}, routes=routes, data="data")
        cases = (Case(id="1", input="Hello?"), Case(id="2", input="The secret?", label=Label.RESTRICTED))
        asked = suite(cases=cases)
        async with open_bench(configured, candidates.resolve(asked, configured)) as bench:
            run = await ran(bench, asked)
    assert [outcome.status for outcome in run.outcomes["tier-1"].values()] == ["answered", "abstained"]
    async with Palier.open(configured) as palier:
        entries = await palier.ledger.entries(EntryFilter(limit=10))
        assert [link.entry.clearance.request for link in entries] == [run.outcomes["tier-1"]["1"].trace]
        assert entries[0].entry.clearance.request.startswith("bench-")


async def test_forgetting_reaches_results_and_reports(tmp_path: Path) -> None:
    configured = shelved(tmp_path)
    await ingested(configured)
    asked = suite("What does the fibre cost?", "Hello")
    async with Palier.open(configured) as palier:
        made = await palier.ask("my question", principal=Principal(name="ana"))
        others = [
            Case(id="3", input="my question", origin=f"trace:{made.id}"),
            Case(id="4", input="Hello again", relevant=("fibre.md",)),
        ]
        asked = msgspec.structs.replace(asked, cases=(*asked.cases, *others))
        one = {"support": {**ROUTES["support"], "passages": 1}}  # so that not every case stands on every document
        narrow = shelved(tmp_path, routes=one)
        planned = candidates.resolve(asked, narrow, ["small"])
        async with open_bench(narrow, planned) as bench:
            run = await ran(bench, asked)
            report = Report(
                suite=SuiteSummary(name="s", version="1", task="qa", digest="d"),
                quality="exact_match",
                cases=run.cases,
                outcomes=tuple(run.outcomes["small"].values()),
            )
            bench.folder.reports.mkdir(mode=0o700)
            kept = bench.folder.reports / "s.json"
            kept.write_bytes(msgspec.json.encode(report))
            kept.with_suffix(".html").write_text("<html>")
            results = bench.results
        assert report.format == FORMAT
        dry = await palier.forget(user="ana", dry_run=True)
        assert (dry.counts["results"], dry.counts["reports"]) == (1, 1)
        assert kept.with_suffix(".html").exists()
        assert (await palier.forget(user="ana")).counts == {**dry.counts}
        assert not kept.with_suffix(".html").exists()
        assert [case.id for case in msgspec.json.decode(kept.read_bytes(), type=Report).cases] == ["1", "2", "4"]
        stands = {
            n for n, outcome in run.outcomes["small"].items() if outcome.retrieved[0].document == "shelf/fibre.md"
        }
        assert "1" in stands
        gone = await palier.forget(document="shelf/fibre.md")
        assert "4" not in {case.id for case in msgspec.json.decode(kept.read_bytes(), type=Report).cases}
        assert gone.counts["results"] == len(stands - {"3"})
        left = {o.id for path in results.files() for o in results.load(path.stem).values()}
        assert left == {"1", "2", "4"} - stands
        assert (await palier.forget(document="shelf/fibre.md")).counts.get("results", 0) == 0


async def test_what_is_forgotten_while_it_runs_is_left_out(tmp_path: Path) -> None:
    configured = shelved(tmp_path)
    asked = suite("What does the fibre cost?")
    async with Palier.open(configured) as palier:
        await palier.put_documents(DOCUMENTS)
        async with open_bench(configured, candidates.resolve(asked, configured, ["small"])) as bench:
            await palier.forget(document="shelf/fibre.md")
            run = await ran(bench, asked)
            assert (run.cases, run.outcomes) == ((), {"small": {}})
            assert "forgotten meanwhile" in run.notes[0]
            assert bench.results.files() == []
            assert not bench.folder.forgotten.exists()
