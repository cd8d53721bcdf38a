"""What stands in a request's way to a tier, and that the wire's parameter is named."""

from __future__ import annotations

import dataclasses

import msgspec
import pytest
from tests.stairs import wired

from palier.cards import ModelCard
from palier.pipeline.landing import Landing, wanted
from palier.types import Hit, Label, Message, Parameters, Request

CHAT = frozenset({"chat"})


class Silent:
    """A model of which only the card is read."""

    def __init__(self, **fields: object) -> None:
        self.card = ModelCard(name="m", kind="fake", **fields)  # type: ignore[arg-type]


def landing(**fields: object) -> Landing:
    return wired("tier-1", "m", Silent(**fields), 0.5, Label.PUBLIC)


def request(language: str = "", **parameters: object) -> Request:
    return Request(
        id="r",
        route="x",
        messages=(Message(role="user", content="hi"),),
        language=language,
        parameters=Parameters(**parameters),  # type: ignore[arg-type]
    )


PARAMETERS: list[tuple[str, object, str]] = [
    ("temperature", 0.0, "temperature"),
    ("seed", 0, "seed"),
    ("max_tokens", 1, "max_tokens"),
    ("stop", ("x",), "stop"),
    ("n", 2, "n"),
    ("logprobs", True, "logprobs"),
    ("tools", ({"type": "function"},), "tools"),
    ("tool_choice", "required", "tool_choice"),
    ("response_format", {"type": "json_schema"}, "response_format"),
    ("logit_bias", {"1": 2.0}, "logit_bias"),
    ("adapter", "a", "palier.adapter"),
]


@pytest.mark.parametrize(("name", "value", "param"), PARAMETERS)
def test_each_parameter_needs_its_capability(name: str, value: object, param: str) -> None:
    asked = request(**{name: value})
    obstacle = landing(capabilities=CHAT).obstacle(asked)
    assert obstacle is not None
    assert obstacle.param == param
    assert "m cannot honour" in obstacle.message
    needed = frozenset(capability for _, capability in wanted(asked))
    assert landing(capabilities=needed).obstacle(asked) is None


def test_what_was_not_asked_needs_nothing() -> None:
    assert landing(capabilities=CHAT).obstacle(request(tool_choice="auto", response_format={"type": "text"})) is None


def test_a_raw_prompt_needs_completions_and_not_chat() -> None:
    asked = Request(id="r", route="x", text="Once")
    assert landing(capabilities=CHAT).obstacle(asked) is not None
    assert landing(capabilities=frozenset({"completions"})).obstacle(asked) is None


def test_a_language_the_card_lacks_is_an_obstacle_that_says_so() -> None:
    obstacle = landing(capabilities=CHAT, languages=("en",)).obstacle(request("fr"))
    assert obstacle is not None
    assert "speaks en" in obstacle.message
    taught = dataclasses.replace(landing(capabilities=CHAT, languages=("en",)), taught_in=("fr",))
    assert taught.obstacle(request("fr")) is None
    assert "speaks en, fr, and" in str(taught.obstacle(request("de")))
    assert "`fr`" in obstacle.message


@pytest.mark.parametrize(("languages", "language"), [((), "fr"), (("en", "fr"), "fr"), (("en",), "")])
def test_any_language_a_known_one_and_an_undetected_one_pass(languages: tuple[str, ...], language: str) -> None:
    assert landing(capabilities=CHAT, languages=languages).obstacle(request(language)) is None


def test_a_tier_asked_by_name_serves_whatever_it_says() -> None:
    assert landing().asked_alone().threshold == 0.0


def test_a_tiers_own_limits_hold_where_the_request_does_not_say() -> None:
    tier = dataclasses.replace(wired("t", "m", Silent(), 0.5, Label.PUBLIC), passages=1, adapter="billing")
    hits = tuple(
        Hit(collection="c", document="d", passage=i, text="x", score=1.0, label=Label.PUBLIC) for i in range(3)
    )
    within = tier.within(msgspec.structs.replace(request(), passages=hits))
    assert within.passages == hits[:1]
    assert (within.parameters.max_tokens, within.parameters.adapter) == (64, "billing")
    asked = tier.within(request(max_tokens=5, adapter="own"))
    assert (asked.parameters.max_tokens, asked.parameters.adapter) == (5, "own")
