"""The tier: the label's text, its signals, and an encoder that is the one it was taught with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.heads import WordEncoder, taught

from palier.config import Model as Settings
from palier.errors import ConfigurationError
from palier.interfaces import Resources
from palier.models import head as kind
from palier.models.head import HeadModel, signals
from palier.types import Cited, Delta, Event, Finish, Message, Metered, Parameters, Prompt, Usage


def build(folder: Path, encoder: object = None, **settings: object) -> HeadModel:
    file = folder / "intent.head"
    if not file.exists():
        file.write_bytes(taught().content)
    resources = Resources(None, encoder or WordEncoder(), None, folder, lambda name: folder / name)  # type: ignore[arg-type]
    return kind.build("intent", Settings(**{"kind": "head", "file": "intent.head", **settings}), resources)  # type: ignore[arg-type]


async def ask(model: HeadModel, *turns: str, **parameters: object) -> list[Event]:
    messages = (Message(role="system", content="how much is it"), *(Message(role="user", content=t) for t in turns))
    prompt = Prompt(id="1", messages=messages, question=turns[-1], parameters=Parameters(**parameters))  # type: ignore[arg-type]
    return [event async for event in model.stream(prompt)]


async def test_it_names_the_label_of_the_last_turn_alone(tmp_path: Path) -> None:
    text, cited, *rest = await ask(build(tmp_path), "how much is it, the price", "terminate it, I leave")
    assert text == Delta(text="terminate my contract")
    assert isinstance(cited, Cited)
    assert cited.passages == ()
    assert set(cited.features) == {"probability", "margin", "entropy"}
    assert cited.features["probability"] > 0.5
    assert rest == [Finish(reason="stop"), Metered(usage=Usage())]


async def test_between_two_labels_it_is_not_sure(tmp_path: Path) -> None:
    model = build(tmp_path)
    known, torn = [(await ask(model, t))[1] for t in ("an outage", "price outage")]
    assert isinstance(known, Cited)
    assert isinstance(torn, Cited)
    assert 1 - torn.features["probability"] > 1000 * (1 - known.features["probability"])
    assert torn.features["entropy"] > known.features["entropy"]


async def test_stop_and_max_tokens_cut_the_label(tmp_path: Path) -> None:
    model = build(tmp_path)
    assert (await ask(model, "terminate it", max_tokens=1))[0] == Delta(text="terminate")
    assert (await ask(model, "terminate it", stop=(" my",)))[0] == Delta(text="terminate")


def test_its_card_says_what_it_is(tmp_path: Path) -> None:
    card = build(tmp_path, licence="CC BY 4.0").card
    assert (card.name, card.kind, card.generates, card.on_premises) == ("intent", "head", False, True)
    assert card.title == "names one of 4 labels, taught on 80 examples"
    assert card.licence == "CC BY 4.0"
    assert card.parameters == (64 + 2048) * 4 + 4 + 2048
    assert card.size == (tmp_path / "intent.head").stat().st_size


@pytest.mark.parametrize(("name", "dimension"), [("words/2", 64), ("words/1", 512)])
def test_another_encoder_is_refused_with_what_to_do(tmp_path: Path, name: str, dimension: int) -> None:
    other = WordEncoder()
    other.name, other.dimension = name, dimension
    with pytest.raises(ConfigurationError, match=r"words/1 \(64 numbers\), and here is") as raised:
        build(tmp_path, other)
    assert "palier distill" in raised.value.hint


def test_a_head_of_ngrams_needs_no_encoder(tmp_path: Path) -> None:
    (tmp_path / "intent.head").write_bytes(taught(("ngrams",)).content)
    other = WordEncoder()
    other.name = "another"
    assert not build(tmp_path, other).head.embeds


def test_without_a_file_it_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="has no `file`") as raised:
        build(tmp_path, file="")
    assert "palier distill" in raised.value.hint


def test_signals_stay_within_their_bounds() -> None:
    assert signals(np.array([1.0, 0.0])) == {"probability": 1.0, "margin": 1.0, "entropy": 0.0}
    assert signals(np.array([0.25] * 4)) == {"probability": 0.25, "margin": 0.0, "entropy": 1.0}
