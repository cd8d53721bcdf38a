"""Money: counted tokens times a known price, and unknown never 0."""

from __future__ import annotations

import pytest

from palier.cards import ModelCard, Price
from palier.metrics.cost import cost, published, total
from palier.types import Quantity, Usage

USAGE = Usage(prompt=1_000, completion=500)


def card(**fields: object) -> ModelCard:
    return ModelCard(name="m", kind="endpoint", **fields)  # type: ignore[arg-type]


def test_a_declared_price_is_applied_to_counted_tokens() -> None:
    found = cost(card(price=Price(input=2.0, output=8.0)), USAGE)
    assert found.value == pytest.approx(0.006)
    assert found.basis == "measured"


def test_a_published_price_is_found_offline() -> None:
    price = published("gpt-4o-mini")
    assert price is not None
    assert 0 < price.input < price.output


@pytest.mark.parametrize("name", ["", "no-such-model-anywhere"])
def test_an_unknown_price_stays_unknown(name: str) -> None:
    found = cost(card(priced_as=name), USAGE)
    assert found.value is None
    assert found.basis == "unknown"


def test_uncounted_tokens_cost_an_unknown_amount() -> None:
    assert cost(card(price=Price(input=1, output=1)), None).value is None


def test_a_sum_with_an_unknown_part_is_unknown_and_keeps_what_is_known() -> None:
    known = Quantity(value=0.5, low=0.5, high=0.5, basis="measured", method="a")
    summed = total([known, Quantity(method="no price")])
    assert summed.value is None
    assert summed.low == 0.5
    assert "no price" in summed.method


def test_a_sum_with_an_estimate_is_an_estimate() -> None:
    measured = Quantity(value=1.0, low=1.0, high=1.0, basis="measured")
    estimated = Quantity(value=2.0, low=0.0, high=2.0, basis="estimated")
    assert total([measured, estimated]) == Quantity(value=3.0, low=1.0, high=3.0, basis="estimated")


def test_nothing_asked_is_unknown() -> None:
    assert total([]).value is None


def test_tokens_that_nobody_counted_cost_about_what_their_characters_say() -> None:
    priced = card(price=Price(input=2.0, output=8.0))
    found = cost(priced, None, USAGE)
    assert found.value == pytest.approx(0.006)
    assert found.low is not None
    assert found.high is not None
    assert found.low < found.value < found.high
    assert found.basis == "estimated"
    assert cost(priced, USAGE, Usage(prompt=9, completion=9)).basis == "measured"
    assert cost(card(), None, USAGE).value is None
