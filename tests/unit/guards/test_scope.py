"""What is in scope, and how far in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import msgspec
import numpy as np
import pytest
from tests.heads import ENCODER, WordEncoder, embed, examples, taught

from palier.config import Guard
from palier.errors import ConfigurationError
from palier.guards.scope import build
from palier.heads.excerpt import Excerpt
from palier.heads.file import dump, further_in, inside, parse
from palier.interfaces import Resources, Vectors
from palier.interfaces.guarding import Context
from palier.training import scope


def resources(folder: Path, encoder: Any = None) -> Resources:
    return Resources(cast(Any, None), encoder or WordEncoder(), cast(Any, None), folder, lambda name: folder / name)


@pytest.fixture
def fitted(tmp_path: Path) -> Path:
    (tmp_path / "scope.head").write_bytes(scope.fit(examples(60), embed, ENCODER).content)
    return tmp_path


async def test_what_it_was_fitted_to_is_in_and_what_is_far_is_out(fitted: Path) -> None:
    guard = build("s", Guard(kind="scope", file="scope.head"), resources(fitted))
    within = await guard.check("cancel my fibre the box", Context(place="input"))
    assert within.action == "pass"
    assert "terminate my contract" in within.reason
    out = await guard.check("zebras graze quietly", Context(place="input"))
    assert out.action == "refuse"
    assert "out of scope" in out.reason
    assert out.score is not None
    assert within.score is not None
    assert within.score < guard.threshold < out.score
    assert (await guard.check("   ", Context(place="input"))).action == "refuse"


@pytest.mark.parametrize("space", ["\n" * 300, "\u00a0" * 300, " " * 3000])
async def test_space_before_a_text_says_nothing(fitted: Path, space: str) -> None:
    guard = build("s", Guard(kind="scope", file="scope.head"), resources(fitted))
    for text in ("cancel my fibre the box", "zebras graze quietly", "cancel my fibre the box. " * 30):
        plain = await guard.check(text, Context(place="input"))
        assert (await guard.check(space + text, Context(place="input"))).score == plain.score


async def test_a_threshold_of_ones_own_wins(fitted: Path) -> None:
    lenient = build("s", Guard(kind="scope", file="scope.head", threshold=1.0), resources(fitted))
    assert (await lenient.check("zebras graze quietly", Context(place="input"))).action == "pass"


async def test_a_letter_is_about_what_its_middle_is_about(fitted: Path) -> None:
    guard = build("s", Guard(kind="scope", file="scope.head"), resources(fitted))
    polite = "zebras graze quietly and owls sing softly "
    for text in ("cancel my fibre the box. " * 12, "cancel my fibre the box. " * 30):
        letter = f"{polite * 2}{text}{polite * 2}"
        verdict = await guard.check(letter, Context(place="input"))
        assert verdict.action == "pass"
        assert "terminate my contract" in verdict.reason


async def test_it_embeds_what_was_embedded_when_it_was_fitted(fitted: Path, caplog: pytest.LogCaptureFixture) -> None:
    head = parse((fitted / "scope.head").read_bytes())
    assert head.header.excerpt == Excerpt()
    seen: list[str] = []

    class Noting(WordEncoder):
        async def encode(self, texts: Sequence[str]) -> Vectors:
            seen.extend(texts)
            return await super().encode(texts)

    text = " ".join(f"word{n}" for n in range(200))
    for excerpt, size in ((Excerpt(), 120), (Excerpt(characters=60, long=60, of_long=30), 30), (None, 120)):
        header = msgspec.structs.replace(head.header, excerpt=excerpt)
        (fitted / "other.head").write_bytes(dump(header, head.arrays))
        guard = build("s", Guard(kind="scope", file="other.head"), resources(fitted, Noting()))
        await guard.check(text, Context(place="input"))
        assert size - 20 < len(seen[-1]) <= size
        assert seen[-1] in text
        assert ("fit it again" in caplog.text) == (excerpt is None)


async def test_of_a_longer_text_it_is_said_how_much_was_looked_at(fitted: Path) -> None:
    guard = build("s", Guard(kind="scope", file="scope.head"), resources(fitted))
    within, out = "cancel my fibre the box. " * 160, "zebras graze quietly " * 200
    for text, action in ((within, "pass"), (out, "refuse")):
        short, long = [await guard.check(text[:4_000] + more, Context(place="input")) for more in ("", out)]
        assert short.action == long.action == action
        assert "characters" not in short.reason
        assert "by its first 4000 characters" in long.reason


def test_what_is_no_scope_is_refused(tmp_path: Path, fitted: Path) -> None:
    (tmp_path / "plain.head").write_bytes(taught().content)

    class Other(WordEncoder):
        name = "other/1"

    for file, encoder, why in (
        ("", None, "has no `file`"),
        ("none.head", None, "cannot be read"),
        ("plain.head", None, "rejects nothing"),
        ("scope.head", Other(), "was fitted with the encoder"),
    ):
        with pytest.raises(ConfigurationError, match=why):
            build("s", Guard(kind="scope", file=file), resources(fitted, encoder))


def test_the_score_is_the_share_that_lies_further_in() -> None:
    scores = np.random.default_rng(0).normal(size=5000)
    quantiles = np.array(inside(scores))
    for share in (0.01, 0.02, 0.2, 0.9):
        assert further_in(quantiles, float(np.quantile(scores, share))) == pytest.approx(1 - share, abs=0.002)
    assert further_in(quantiles, -99.0) == 1.0
    assert further_in(quantiles, 99.0) == 0.0
