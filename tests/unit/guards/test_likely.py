"""What a passage does for a sentence in a small model's eyes, and what the guard makes of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.heads import WordEncoder

from palier.config import Guard
from palier.errors import ConfigurationError, Unavailable
from palier.guards import weighing
from palier.guards.grounding import Grounding, build
from palier.guards.likely import MOST_PASSAGE, lift
from palier.guards.weighing import Lift
from palier.interfaces import Resources
from palier.interfaces.guarding import Context
from palier.text import tokens
from palier.types import Message

PASSAGES = ("La résiliation coûte 49 €.", "La Fibre Goéland coûte 29,99 € par mois. Elle comprend la télévision.")
CONTEXT = Context(question="Combien ?", evidence=PASSAGES)


class Reading:
    """A scorer that finds a word likely where it has read it."""

    def __init__(self) -> None:
        self.read: list[str] = []

    async def logprobs(self, messages: Sequence[Message], answer: str) -> tuple[float | None, ...]:
        self.read.append(str(messages[-1].content))
        known = set(tokens(self.read[-1]))
        return (None, *(-1.0 if word in known else -4.0 for word in tokens(answer)))


class Away:
    async def logprobs(self, messages: Sequence[Message], answer: str) -> tuple[float | None, ...]:
        raise Unavailable("the engine is not ready after 10 s")


class Here:
    async def run(self, function: Any, *arguments: Any) -> Any:
        return function(*arguments)

    async def close(self) -> None: ...


RESOURCES = Resources(cast(Any, None), WordEncoder(), Here(), Path(), Path)


def guard(scorer: Any, **settings: Any) -> Grounding:
    return build("g", Guard(kind="grounding", model="small", **settings), replace(RESOURCES, scorer=lambda _: scorer))


async def test_it_is_what_the_passage_adds_a_token() -> None:
    scorer = Reading()
    found = await lift(scorer, "La fibre rouge", "la couleur ?", "La fibre est là." + " x" * 2_000)
    assert found == pytest.approx(1.0), "one of three words is read in the passage alone"
    assert scorer.read[0] == "la couleur ?"
    assert scorer.read[1].endswith("\n\nla couleur ?")
    assert len(scorer.read[1]) == MOST_PASSAGE + len("\n\nla couleur ?")
    assert await lift(scorer, "", "", "p") == 0.0


async def test_it_moves_the_support_of_what_claims_and_of_nothing_else() -> None:
    plain = build("g", Guard(kind="grounding"), RESOURCES)
    scorer = Reading()
    text = "Bonjour ! La Fibre Goéland coûte 29,99 € par mois."
    before, after = await plain.check(text, CONTEXT), await guard(scorer).check(text, CONTEXT)
    base = weighing.load().lift
    assert base is not None
    assert len(scorer.read) == 2, "one sentence claims something"
    assert "Goéland" in scorer.read[1]
    assert "résiliation" not in scorer.read[1], "its nearest passage alone"
    told = await lift(Reading(), "La Fibre Goéland coûte 29,99 € par mois.", "Combien ?", PASSAGES[1])
    (one,), (other,) = before.spans, after.spans
    assert other.score == pytest.approx(1 - base.moved(1 - (one.score or 0.0), told), abs=2e-4)
    assert after.score == other.score


@given(st.floats(0, 1), st.floats(-9, 9), st.floats(0, 3), st.floats(0, 2))
def test_more_lift_is_never_less_support(support: float, at: float, more: float, weight: float) -> None:
    one = Lift(weight=weight, centre=0.5)
    assert 0 <= one.moved(support, at) <= one.moved(support, at + more) <= 1
    assert one.moved(support, 0.5) == pytest.approx(support, abs=1e-6)


@pytest.mark.parametrize("wrong", [{"weight": -1.0}, {"centre": 9.0}, {"weight": float("inf")}, {"least": 5.0}])
def test_what_cannot_be_a_weight_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="log-probabilities"):
        Lift(**{"weight": 1.0, "centre": 0.5, **wrong})


async def test_a_model_that_is_away_is_a_guard_that_fails() -> None:
    """What the route then does, `on_error` says, as for every guard (`pipeline.guarding`)."""
    with pytest.raises(Unavailable):
        await guard(Away()).check("La Fibre Goéland coûte 29,99 € par mois.", CONTEXT)
    assert (await guard(Away()).check("Bonjour !", CONTEXT)).action == "pass", "nothing is asked for a greeting"


def test_what_cannot_be_asked_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="none is at hand"):
        build("g", Guard(kind="grounding", model="small"), RESOURCES)
    without = tmp_path / "w.json"
    without.write_text(weighing.SHIPPED.read_text().replace('"lift"', '"lift_"'))
    with pytest.raises(ConfigurationError, match="fitted without log-probabilities"):
        guard(Reading(), file=str(without))
