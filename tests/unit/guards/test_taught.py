"""What examples taught: a file that is what it was, or is not used."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any, cast

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.grounding import fitted, rows
from tests.heads import DIMENSION, WordEncoder

from palier.config import Guard
from palier.errors import ConfigurationError, InvalidRequest
from palier.guards import weighing
from palier.guards.grounding import Grounding, build
from palier.guards.taught import READ, Origin, Taught, general
from palier.interfaces import Resources
from palier.interfaces.guarding import Context

once = cache(fitted)
ORIGIN = Origin(examples=2, supported=1, groups=2, digest="d", date="2026-11-26")
PLAIN: dict[str, Any] = {
    "intercept": 0.0, "weights": {}, "embedding": (0.0, 1.0), "encoder": "e", "threshold": 0.5, "origin": ORIGIN
}  # fmt: skip


class Here:
    async def run(self, function: Any, *arguments: Any) -> Any:
        return function(*arguments)

    async def close(self) -> None: ...


def guard(folder: Path, content: bytes, **settings: Any) -> Grounding:
    file = folder / "ours.json"
    file.write_bytes(content)
    weighing.load.cache_clear()
    resources = Resources(cast(Any, None), WordEncoder(), Here(), folder, lambda name: folder / name)
    return build("g", Guard(kind="grounding", file="ours.json", **settings), resources)


def test_what_was_changed_since_is_not_used(tmp_path: Path) -> None:
    item = json.loads(once().content)
    assert item["sha256"]
    changed = [
        {**item, "threshold": 0.9},
        {**item, "taught": {**item["taught"], "threshold": 0.999}},
        {**item, "taught": {**item["taught"], "embedding": item["taught"]["embedding"][::-1]}},
        {**item, "sha256": ""},
    ]
    for other in changed:
        with pytest.raises(ConfigurationError, match="SHA-256"):
            guard(tmp_path, json.dumps(other).encode())
    # The same numbers, written otherwise, are the same.
    assert guard(tmp_path, json.dumps(item, indent=4).encode()).threshold == item["taught"]["threshold"]


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"weights": {"figures": 1.0}}, "figures"),
        ({"weights": {"least": -1.0}}, "least"),
        ({"weights": {"charm": 1.0}}, "charm"),
        ({"weights": {"words": float("inf")}}, "words"),
        ({"intercept": float("nan")}, "no number"),
        ({"embedding": ()}, "dimension"),
        ({"encoder": ""}, "encoder"),
        ({"threshold": 1.0}, "threshold"),
    ],
)
def test_what_cannot_be_is_refused(more: dict[str, Any], why: str) -> None:
    assert Taught(**PLAIN).threshold == 0.5
    with pytest.raises(ValueError, match=why):
        Taught(**{**PLAIN, **more})


def test_another_encoder_is_refused(tmp_path: Path) -> None:
    base = weighing.load()
    content = weighing.dump(base, Taught(**{**PLAIN, "embedding": (0.0,) * DIMENSION, "encoder": "other/1"}))
    with pytest.raises(ConfigurationError, match="encoder other/1"):
        guard(tmp_path, content)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=9))
def test_the_general_support_is_told_by_its_ends(supports: list[float]) -> None:
    found = general(supports)
    assert found["least"] <= found["most"]
    assert general(sorted(supports)) == found
    assert all(abs(value) < 10 for value in found.values())


@given(st.floats(-3, 3), st.floats(-1, 1))
def test_more_general_support_is_never_less(odds: float, along: float) -> None:
    one = Taught(**{**PLAIN, "weights": {"least": 0.4, "most": 0.2}})
    vector = np.array([0.3, along], np.float32)
    signals = dict.fromkeys(READ, 0.0)
    low, high = ({**signals, "least": value, "most": value} for value in (odds, odds + 0.5))
    assert 0 < one.support(low, vector) <= one.support(high, vector) < 1


async def test_a_text_is_as_its_worst_sentence(tmp_path: Path) -> None:
    one = guard(tmp_path, once().content)
    good, liked, strange = rows(5, seed=3)[:3]
    context = Context(question=good.question, evidence=good.evidence)
    alone = [(await one.check(row.text, context)).score for row in (good, liked, strange)]
    whole = await one.check(f"{good.text} {liked.text} {strange.text}", context)
    assert [span.score for span in whole.spans] == alone
    assert whole.score == max(score for score in alone if score is not None)
    assert one.sentences
    mended = await guard(tmp_path, once().content, action="mend").check(f"{good.text} {liked.text}", context)
    assert (mended.action, mended.text) == ("mend", f"{good.text} ")


async def test_passages_in_another_language_are_for_the_weights_of_the_package(tmp_path: Path) -> None:
    context = Context(evidence=("The fibre costs 29 euros a month, and all of the television is in it.",))
    text = "Elle comprend la télévision, et le prix de la fibre est de 29 euros."
    own = await guard(tmp_path, once().content).check(text, context)
    weighing.load.cache_clear()
    resources = Resources(cast(Any, None), WordEncoder(), Here(), tmp_path, lambda name: tmp_path / name)
    plain = await build("g", Guard(kind="grounding"), resources).check(text, context)
    assert own.score == plain.score
    with pytest.raises(InvalidRequest, match="no evidence"):
        await guard(tmp_path, once().content).check(text, Context())


def test_the_file_is_plain_json(tmp_path: Path) -> None:
    item = msgspec.json.decode(once().content)
    assert item["taught"]["origin"]["examples"] == 180
    assert len(item["taught"]["embedding"]) == DIMENSION
