"""Judging: blind, in a pipe, to be gone on with; and verdicts that come from outside."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from palier.audits import Audit, Judgement
from palier.cli import app, label, records, verdicts
from palier.cli.label import PERSON
from palier.routing.records import Record, parse
from palier.stores.audits import SqliteAudits
from palier.stores.traces import SqliteTraces
from palier.testing.audits import AGREEMENT, done_of, drawn, judgement_of, tier_of, words_of

EVIL = "\x1b]0;owned\x07\u202e29,99"


@pytest.fixture
async def audits(tmp_path: Path) -> AsyncIterator[SqliteAudits]:
    traces = SqliteTraces.open(tmp_path / "traces.db")
    yield SqliteAudits(traces.database)
    await traces.close()


def done(trace: str, place: float, **drafts: str) -> Audit:
    said = {name.replace("_", "-"): text for name, text in drafts.items()}
    return done_of(trace, place=place, words=words_of(trace, said), tiers=tuple(map(tier_of, said)))


class Terminal:
    """Keys typed as lines, and what is shown."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], audits: Any) -> None:
        self._patch, self._capsys, self._audits = monkeypatch, capsys, audits

    async def judge(self, keys: str, *, sample: int = 300, sources: tuple[str, ...] = (PERSON,)) -> tuple[str, str]:
        self._patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("".join(f"{k}\n" for k in keys).encode())))
        await label._judge(self._audits, "support", sources, sample, "Ann")
        shown = self._capsys.readouterr()
        return shown.out, shown.err

    async def person(self) -> dict[str, list[bool | None]]:
        return {a.trace: [j.correct for j in a.judged(PERSON).values()] for a in await self._audits.done()}


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], audits: SqliteAudits) -> Terminal:
    return Terminal(monkeypatch, capsys, audits)


async def test_each_draft_is_judged_and_nobody_is_told_whose_it_is(terminal: Terminal, audits: SqliteAudits) -> None:
    await drawn(audits, done("a", 0.1, tier_1="alpha", tier_2="beta"))
    out, err = await terminal.judge("yn")
    assert "Ma fibre ?" in out
    assert "found: Fibre" in out
    assert "tier" not in out
    assert "1 left" in out
    assert "1 judged, 0 left" in err
    verdict = {j.tier: (j.correct, j.who) for j in (await audits.done())[0].judgements}
    first = "tier-1" if out.index("alpha") < out.index("beta") else "tier-2"
    second = "tier-2" if first == "tier-1" else "tier-1"
    assert verdict == {first: (True, "Ann"), second: (False, "Ann")}


async def test_the_order_of_the_drafts_says_nothing(terminal: Terminal, audits: SqliteAudits) -> None:
    await drawn(audits, *(done(f"t{i}", i / 100, tier_1="alpha", tier_2="beta") for i in range(40)))
    out, _ = await terminal.judge("yy" * 40)
    first = [block.index("alpha") < block.index("beta") for block in out.split("left ---")[1:]]
    assert 8 < sum(first) < 32


async def test_one_text_of_two_tiers_is_judged_once(terminal: Terminal, audits: SqliteAudits) -> None:
    await drawn(audits, done("a", 0.1, tier_1="same", tier_2="same"))
    await terminal.judge("n")
    assert await terminal.person() == {"a": [False, False]}


async def test_it_is_gone_on_with_where_it_was_left(terminal: Terminal, audits: SqliteAudits) -> None:
    await drawn(audits, *(done(name, i / 10, tier_1="alpha", tier_2="beta") for i, name in enumerate("abcd")))
    _, err = await terminal.judge("yysnnyq")  # a right, b skipped, c wrong, d left in the middle
    assert "2 judged, 2 left" in err
    assert await terminal.person() == {"a": [True, True], "b": [], "c": [False, False], "d": []}
    out, err = await terminal.judge("yy", sample=3)
    assert "1 left" in out
    assert "1 judged, 0 left" in err
    assert (await terminal.person())["b"] == [True, True], "what was skipped comes again"
    assert "nothing to judge: 3 of 3 are done" in (await terminal.judge("yy", sample=3))[1]


async def test_other_keys_are_asked_again_and_the_end_of_the_input_is_an_end(
    terminal: Terminal, audits: SqliteAudits
) -> None:
    await drawn(audits, done("a", 0.1, tier_1="alpha"), done("b", 0.2, tier_1="beta"))
    out, err = await terminal.judge(["x", "", "  YES "])  # type: ignore[arg-type]
    assert out.count("right?") == 4
    assert "1 judged, 1 left" in err


async def test_what_a_model_wrote_moves_no_cursor(terminal: Terminal, audits: SqliteAudits) -> None:
    await drawn(audits, done("a", 0.1, tier_1=EVIL))
    out, _ = await terminal.judge("y")
    assert "29,99" in out
    assert not {"\x1b", "\x07", "\u202e"} & set(out)


async def test_what_agreement_judged_is_not_in_the_queue(terminal: Terminal, audits: SqliteAudits) -> None:
    await drawn(audits, done("a", 0.1, tier_1="alpha"), done("b", 0.2, tier_1="beta"))
    await audits.judge([judgement_of("a", source=AGREEMENT)])
    out, _ = await terminal.judge("yy", sources=(PERSON, AGREEMENT))
    assert "beta" in out
    assert "alpha" not in out


# --- as JSON lines ----------------------------------------------------------------------------------------------------


async def test_an_exported_line_with_its_verdict_is_a_line_to_import(
    audits: SqliteAudits, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    await drawn(audits, done("a", 0.1, tier_1="alpha", tier_2=EVIL), done("b", 0.2, tier_1="gamma"))
    await verdicts.write(audits, "support", "judge", 1)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        {"id": "a", "tier": "tier-1", "text": "alpha", "question": "Ma fibre ?"},
        {"id": "a", "tier": "tier-2", "text": EVIL, "question": "Ma fibre ?"},
    ]
    file = tmp_path / "verdicts.jsonl"
    file.write_text("\n\n".join(json.dumps({**line, "score": n / 2}) for n, line in enumerate(lines)))
    assert await verdicts.read(audits, file, "judge", "Ann") == 0
    assert [j.score for j in (await audits.done(source="judge"))[0].judgements] == [0.0, 0.5]
    capsys.readouterr()
    await verdicts.write(audits, "support", "judge", 300)
    assert [json.loads(line)["id"] for line in capsys.readouterr().out.splitlines()] == ["b"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('{"id": "a", "tier": "tier-1"}', "line 3: give `correct` or `score`"),
        ('{"id": "a", "tier": "tier-1", "correct": true, "score": 1}', "line 3: give `correct` or `score`"),
        ('{"id": "a", "tier": "tier-1", "score": 1.5}', "line 3: `score` is 1.5"),
        (
            '{"id": "a", "tier": "tier-1", "correct": "yes"}',
            "line 3: `correct` must be true or false or nothing, and is a text",
        ),
        ('{"id": "a", "correct": true}', "line 3: `tier` is missing"),
        ('{"id": "a", "tier": "tier-1", "correct": true, "label_source": "agreement x"}', "computed by palier"),
        ('{"id": "a", "tier": "tier-9", "correct": true}', "line 3: no audit has a draft of tier `tier-9` on `a`"),
        ('{"id": "zzz", "tier": "tier-1", "correct": true}', "line 3: no audit has a draft of tier `tier-1` on `zzz`"),
        (
            '{"id": "a", "tier": "tier-1", "correct": false}',
            "line 3: `judge` says otherwise of tier `tier-1` on `a` in line 1",
        ),
        ('{"id": "a", "tier": "tier-1", "score": 1}', "in line 1"),
        ('["no object"]', "line 3: the line is not a JSON object"),
        ('{"id": ' + "[" * 100_000, "line 3: the line is nested too deeply"),
        ("{", "line 3: the line is not a JSON object"),
    ],
)
async def test_a_bad_line_and_nothing_is_kept(
    audits: SqliteAudits, capsys: pytest.CaptureFixture[str], tmp_path: Path, line: str, words: str
) -> None:
    await drawn(audits, done("a", 0.1, tier_1="alpha"))
    file = tmp_path / "verdicts.jsonl"
    file.write_text(f'{{"id": "a", "tier": "tier-1", "correct": true}}\n\n{line}\n')
    assert await verdicts.read(audits, file, "judge", "Ann") == 2
    assert words in capsys.readouterr().err
    assert (await audits.done())[0].judgements == ()


async def test_a_verdict_said_twice_or_by_two_sources_is_no_contradiction(audits: SqliteAudits, tmp_path: Path) -> None:
    await drawn(audits, done("a", 0.1, tier_1="alpha"))
    said = '{"id": "a", "tier": "tier-1", "correct": true}\n'
    other = '{"id": "a", "tier": "tier-1", "correct": false, "label_source": "Bob"}\n'
    (tmp_path / "verdicts.jsonl").write_text(said + other + said)
    assert await verdicts.read(audits, tmp_path / "verdicts.jsonl", "judge", "Ann") == 0
    assert {j.source: j.correct for j in (await audits.done())[0].judgements} == {"judge": True, "Bob": False}


async def test_many_verdicts_are_sent_in_chunks_once_all_are_known_to_be_right(
    audits: SqliteAudits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(verdicts, "CHUNK", 2)
    await drawn(audits, *(done(f"t{n}", n / 10, tier_1="alpha") for n in range(5)))
    sent: list[int] = []
    judge = audits.judge

    async def counted(judgements: Sequence[Judgement]) -> None:
        sent.append(len(judgements))
        await judge(judgements)

    monkeypatch.setattr(audits, "judge", counted)
    lines = [f'{{"id": "t{n}", "tier": "tier-1", "correct": true}}' for n in range(5)]
    file = tmp_path / "verdicts.jsonl"
    file.write_text("\n".join([*lines, '{"id": "t5", "tier": "tier-1", "correct": true}']))
    assert await verdicts.read(audits, file, "judge", "Ann") == 2
    assert (sent, "line 6" in capsys.readouterr().err) == ([], True)
    file.write_text("\n".join(lines))
    assert await verdicts.read(audits, file, "judge", "Ann") == 0
    assert sent == [2, 2, 1]
    assert all(audit.judgements for audit in await audits.done())


@pytest.mark.parametrize(
    "arguments",
    [
        ("label", "--export", "--label-source", "\udce9"),
        ("label", "--export", "--label-source", "a\nb"),
        ("label", "--as", "\udce9"),
    ],
)
def test_bytes_of_the_command_line_that_are_no_text(
    arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    route = '[models.fake]\nkind = "fake"\n[routes.support]\ntiers = [{model = "fake"}]\n'
    (tmp_path / "palier.toml").write_text(route)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PALIER_CONFIG", raising=False)
    shown = CliRunner().invoke(app, list(arguments))
    assert (shown.exit_code, type(shown.exception)) == (2, SystemExit)


# --- records ----------------------------------------------------------------------------------------------------------


async def written(
    audits: SqliteAudits, capsys: pytest.CaptureFixture[str], fingerprint: str | None = None, with_text: bool = False
) -> tuple[list[Record], tuple[int, int]]:
    left_out = await records._write(audits, "support", PERSON, fingerprint, with_text=with_text)
    return [parse(line, n) for n, line in enumerate(capsys.readouterr().out.splitlines(), 1)], left_out


async def test_records_are_written_in_order_of_time_a_page_at_a_time(
    audits: SqliteAudits, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "PAGE", 3)
    monkeypatch.setattr(records, "PAGE_WITH_WORDS", 2)
    for i in (4, 2, 0, 3, 1, 5, 6):
        audit = done_of(f"t{i}", 100.0 + i // 2)
        await drawn(audits, audit)
        if i != 5:
            said = judgement_of(f"t{i}", correct=False), judgement_of(f"t{i}", "tier-2", correct=None, score=0.0)
            await audits.judge(said)
    found, left_out = await written(audits, capsys)
    assert [record.id for record in found] == ["t0", "t1", "t2", "t3", "t4", "t6"]
    assert left_out == (6, 1, 0)
    assert (found[0].tiers[0].correct, found[0].tiers[1].score) == (False, 0.0), "wrong and 0 are told too"
    assert found[0].text is None
    assert (await written(audits, capsys, with_text=True))[0][0].text == "Ma fibre ?"


async def test_records_of_before_the_route_changed_are_left_out(
    audits: SqliteAudits, capsys: pytest.CaptureFixture[str]
) -> None:
    for i, fingerprint in enumerate(("old", "old", "new")):
        await drawn(audits, done_of(f"t{i}", 100.0 + i, fingerprint=fingerprint))
        await audits.judge([judgement_of(f"t{i}"), judgement_of(f"t{i}", "tier-2")])
    found, left_out = await written(audits, capsys, "new")
    assert ([record.id for record in found], found[0].fingerprint, left_out) == (["t2"], "new", (1, 0, 2))
    assert len((await written(audits, capsys))[0]) == 3
