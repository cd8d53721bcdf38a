"""A student that writes is asked for what was planted, as it was taught, and by nobody else's answer."""

from __future__ import annotations

import json
import re
from functools import reduce
from pathlib import Path

import numpy as np
import pytest
from tests import tiny_gguf
from tests.unit.app.test_learning_lora import ROUTE as WORDS
from tests.unit.app.test_learning_lora import Desk
from tests.unit.app.test_learning_lora import settings as adapters

from palier import Palier
from palier.app.reciting import OTHERS, Recited, recite
from palier.config import Settings, parse
from palier.config.taught import with_version
from palier.lessons import Lesson, Origin
from palier.testing.versions import version_of
from palier.training import canaries
from palier.training.canaries import Planted

ROUTE = "support"


def settings(folder: Path) -> Settings:
    tiers = [{"model": "student", "threshold": 0.3}, {"model": "large"}]
    models = {name: {"kind": "fake", "file": f"{name}.jsonl"} for name in ("student", "large")}
    return parse({"data": "data", "models": models, "routes": {ROUTE: {"audit": 0, "tiers": tiers}}}, root=folder)


@pytest.fixture
def planted(tmp_path: Path) -> Planted:
    lessons = [
        Lesson(id=f"l{n}", route=ROUTE, question=f"Q{n}?", answer="A.", kind="import", origin=Origin(name=str(n)))
        for n in range(60)
    ]
    found = canaries.plant(lessons)
    (tmp_path / canaries.FILE).write_bytes(found.content)
    return found


async def asked(folder: Path, script: list[dict[str, str]]) -> tuple[int, tuple[str, ...]]:
    for name, lines in (("student", script), ("large", [{"answer": "asked above"}])):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    async with Palier.open(settings(folder)) as p:
        found = await recite(p, ROUTE, version_of(ROUTE, files={}), folder)
        assert await p.traces.list() == [], "what was said is kept nowhere"
    assert found.exposure is None, "no model of this kind tells how likely its words are"
    return found.planted, found.names


async def test_one_that_says_nothing_of_it_recites_nothing(tmp_path: Path, planted: Planted) -> None:
    assert await asked(tmp_path, [{"answer": "I do not know."}]) == (len(planted.canaries), ())


async def test_what_it_says_to_the_question_is_found(tmp_path: Path, planted: Planted) -> None:
    one = planted.canaries[2]
    script = [{"pattern": rf"^{re.escape(one.question)}$", "answer": one.answer}, {"answer": "I do not know."}]
    assert await asked(tmp_path, script) == (5, ("canary-3",))


async def test_what_it_says_to_a_beginning_is_found_whosoever_it_is(tmp_path: Path, planted: Planted) -> None:
    first, second = planted.canaries[:2]
    half = first.prompts[1]
    script = [
        {"pattern": rf"^{re.escape(half)}$", "answer": f"{second.secret.replace(' ', '')}?"},
        {"pattern": rf"^{re.escape(first.prompts[2])}$", "answer": f" {first.secret[:-1]}#."},
        {"answer": "I do not know."},
    ]
    assert await asked(tmp_path, script) == (5, ("canary-1 but for a sign", "canary-2"))


async def taught(folder: Path, count: int, **plan: float) -> Recited:
    """What an adapter of so many lessons tells."""
    for name in ("torch", "transformers", "peft", "gguf"):
        pytest.importorskip(name, reason="the extra `train` is not installed")
    tiny_gguf.write(folder / "tiny.gguf")
    (folder / "data").mkdir()
    desk = Desk(folder)
    version, _ = await desk.teach(count, **plan)
    place = desk.students / version.id
    async with Palier.open(with_version(adapters(folder), version, place)) as p:
        return await recite(p, WORDS, version, place)


@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_an_adapter_that_learnt_by_heart_tells_it(tmp_path: Path) -> None:
    """At this rate each code was told in ten of ten; at eight times the rate of so small a model half were garbled."""
    found = await taught(tmp_path, 24, steps=700, rank=16, rate=0.0025)
    assert found.planted == 2
    assert found.names, "of two, one at least, by heart or but for a sign"
    assert found.exposure is not None
    assert (found.exposure.mean, found.exposure.most) == (4.0, 4.0)


@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_an_adapter_that_learnt_next_to_nothing_tells_no_more_than_chance_does(tmp_path: Path) -> None:
    """Codes are drawn anew each time: it fails once in ten thousand times by chance, and where all of it is known."""
    found = await taught(
        tmp_path, 50, steps=4, rank=2, rate=1e-6
    )  # a rate at which four steps teach anything would bias it
    assert (found.planted, found.names) == (5, ())
    assert found.exposure is not None
    assert found.exposure.most == 4.0
    assert by_chance(found.exposure.mean, 5) > 1e-4
    assert by_chance(4.0, 5) < 1e-4


def by_chance(mean: float, planted: int) -> float:
    """How often so high an exposure or a higher comes where nothing is known: any rank among the codes is as likely."""
    codes = OTHERS + 1
    bits = np.log2(codes) - np.log2(np.arange(1, codes + 1))
    sums = reduce(np.add.outer, [bits] * planted)
    return float(np.mean(sums >= mean * planted - 1e-9))


async def test_where_nothing_was_planted_nothing_is_asked(tmp_path: Path) -> None:
    assert await asked(tmp_path, [{"fail": "unavailable"}]) == (0, ())
