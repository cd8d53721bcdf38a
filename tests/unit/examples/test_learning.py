"""What `make learn-demo` stands on: its split of the messages, its stand-in, its figures, and that it can fail."""

from __future__ import annotations

import asyncio
import importlib
import io
from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import Any

import openai
import pytest
from rich.console import Console


@pytest.fixture
def examples(repository: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, ModuleType]:
    """The scripts, as they import one another."""
    monkeypatch.syspath_prepend(str(repository / "examples"))
    return {name: importlib.import_module(name) for name in ("learn_demo", "learn_figures", "stand_in")}


def answer(figures: ModuleType, n: int, *, tier: str = "tier-1", right: bool = True, cost: float | None = 0.0) -> Any:
    step = {"tier": tier, "model": "head", "outcome": "answered", "reason": "0.90 >= 0.85, not calibrated"}
    known = {"value": cost}
    report = {
        **{"tier": tier, "confidence": 0.9, "steps": [step], "cost": known, "carbon": known},
        "timings": {"total_ms": 10.0 + n},
    }
    return figures.Answer(f"m{n}", "roaming", "roaming" if right else "complaint", report)


def test_the_messages_are_split_and_nothing_is_in_two_parts(examples: dict[str, ModuleType]) -> None:
    messages = examples["learn_demo"].Messages.read()
    parts = (messages.first, messages.traffic, messages.holdout)
    assert [len(part) for part in parts] == [75, 725, 400]
    assert set(Counter(m["intent"] for m in messages.first).values()) == {3}
    texts = [m["text"] for part in parts for m in part]
    assert len(set(texts)) == len(texts)


def test_shuffled_labels_are_the_same_ones_and_most_of_them_wrong(examples: dict[str, ModuleType]) -> None:
    demo = examples["learn_demo"]
    labels = [m["intent"] for m in demo.Messages.read().traffic]
    for kinds in (False, True):
        mixed = demo.shuffled(labels, kinds=kinds)
        assert sorted(mixed) == sorted(labels) if not kinds else set(mixed) == set(labels)
        assert sum(one == other for one, other in zip(labels, mixed, strict=True)) < 0.1 * len(labels)


def test_the_stand_in_says_what_people_said_and_nothing_of_what_they_did_not(
    repository: Path, examples: dict[str, ModuleType]
) -> None:
    people = examples["stand_in"].People(repository / "examples" / "armorique" / "messages.jsonl")
    text = "We have six office numbers to bring to Phare Pro. Can they all move on the same day?"
    assert people.label(text) == "number_porting"
    assert people.label(text.replace("Phare Pro", "<PERSON_1_K7Q2>")) == "number_porting"
    assert people.label("What is the capital of France?") is None
    assert people.label("<PERSON_1_K7Q2>") is None, "it could be any of them"


def test_the_effect_is_that_of_the_same_messages(examples: dict[str, ModuleType]) -> None:
    figures = examples["learn_figures"]
    before = [answer(figures, n, tier="tier-2" if n < 80 else "tier-1", cost=2e-6) for n in range(100)]
    after = [answer(figures, n, tier="tier-2" if n < 20 else "tier-1", right=n != 50, cost=1e-6) for n in range(100)]
    table = figures.effect(before, after)
    assert table.fall == pytest.approx(0.75)
    assert -0.06 < table.worst < -0.01
    assert table.figures()["climbing"]["difference"]["value"] == pytest.approx(-0.6)
    assert table.row("cost").difference.value == pytest.approx(-0.001)
    assert table.row("climbing").cell("before").startswith("80.0 [")


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_table_is_whole_however_narrow_it_is(examples: dict[str, ModuleType], width: int) -> None:
    figures = examples["learn_figures"]
    before = [answer(figures, n, tier="tier-2", cost=0.0124 + n * 1e-5) for n in range(100)]
    after = [answer(figures, n, tier="tier-2" if n < 20 else "tier-1", cost=1e-6) for n in range(100)]
    table = figures.effect(before, after)
    console = Console(width=width, file=io.StringIO())
    console.print(table.rich(width))
    drawn = console.file.getvalue()
    assert "…" not in drawn
    assert all(len(line) <= width for line in drawn.splitlines())
    assert all(row.name.split()[0] in drawn for row in table.rows)
    cost = table.row("cost")
    assert all(cost.cell(side).partition(" ")[0] in drawn for side in figures.SIDES)


def test_what_is_unknown_is_called_so(examples: dict[str, ModuleType]) -> None:
    figures = examples["learn_figures"]
    some = [answer(figures, n, cost=None) for n in range(20)]
    table = figures.effect(some, some)
    assert table.row("carbon").cell("after") == "unknown"
    assert any("palier[carbon]" in note for note in table.notes)


def test_a_decision_is_another_where_its_tier_or_its_reason_is(examples: dict[str, ModuleType]) -> None:
    figures = examples["learn_figures"]
    assert answer(figures, 1).decided == answer(figures, 1).decided
    assert answer(figures, 1).decided != answer(figures, 1, tier="tier-2").decided
    assert answer(figures, 1).decided != answer(figures, 1, right=False).decided


def test_what_does_not_come_is_an_error(tmp_path: Path, examples: dict[str, ModuleType]) -> None:
    demo = examples["learn_demo"]
    with pytest.raises(demo.NotShown):
        demo.shown("climbing fell", holds=False)
    desk = demo.Desk(tmp_path, demo.Messages.read(0, 0))
    with pytest.raises(demo.NotShown, match="ended with 2, and not with 0"):
        desk.type("versions")


def test_a_folder_of_somebody_elses_is_not_emptied(tmp_path: Path, examples: dict[str, ModuleType]) -> None:
    demo = examples["learn_demo"]
    kept = tmp_path / "thesis.txt"
    kept.write_text("years of work")
    desk = demo.Desk(tmp_path, demo.Messages.read(10, 10))
    with pytest.raises(demo.NotShown, match="is not empty"):
        desk.lay_out("http://127.0.0.1:1/v1")
    assert kept.read_text() == "years of work"
    kept.unlink()
    desk.lay_out("http://127.0.0.1:1/v1")
    (tmp_path / "old.txt").write_text("of the last demonstration")
    desk.lay_out("http://127.0.0.1:2/v1")
    assert not (tmp_path / "old.txt").exists()
    assert "127.0.0.1:2/v1" in (tmp_path / "palier.toml").read_text()


def test_the_stand_in_speaks_over_the_wire(examples: dict[str, ModuleType]) -> None:
    """As the gateway calls it: a stream, whose words are the label."""
    with examples["learn_demo"].large_model() as url:
        text = "Can I return the equipment at the Brest shop instead of posting it?"

        async def ask() -> str:
            async with openai.AsyncOpenAI(base_url=url, api_key="none", max_retries=0) as client:
                reply = await client.chat.completions.create(
                    model="stand-in", messages=[{"role": "user", "content": text}], stream=True
                )
                return "".join([chunk.choices[0].delta.content or "" async for chunk in reply if chunk.choices])

        assert asyncio.run(ask()) == "return_equipment"
