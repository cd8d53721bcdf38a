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


def test_where_no_model_was_asked_nothing_was_spent_and_that_is_known() -> None:
    assert total([]) == Quantity(value=0.0, low=0.0, high=0.0, basis="measured", method="no model was asked")


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


def test_cached_tokens_have_their_own_price_where_there_is_one() -> None:
    usage = Usage(prompt=1_000, completion=500, cached=600)
    assert cost(card(price=Price(input=2.0, output=8.0, cached=0.5)), usage).value == pytest.approx(
        (400 * 2.0 + 600 * 0.5 + 500 * 8.0) / 1e6
    )
    assert cost(card(price=Price(input=2.0, output=8.0)), usage).value == pytest.approx(0.006), "else that of any"
    listed = published("gpt-4o-mini")
    assert listed is not None
    assert listed.cached is not None
    assert listed.cached < listed.input
    assert cost(card(priced_as="gpt-4o-mini"), usage).value == pytest.approx(
        (400 * listed.input + 600 * listed.cached + 500 * listed.output) / 1e6
    )


def test_it_is_what_the_price_list_itself_makes_of_the_tokens() -> None:
    from genai_prices import Usage as Counted
    from genai_prices import calc_price

    for model in ("gpt-4o-mini", "gemini-2.5-pro", "claude-sonnet-4-5", "mistral-large-latest"):
        for prompt, cached, completion in ((900, 0, 7), (150_000, 100_000, 3), (250_000, 0, 1), (250_000, 240_000, 9)):
            counted = Counted(input_tokens=prompt, cache_read_tokens=cached, output_tokens=completion)
            try:
                theirs = float(calc_price(counted, model_ref=model).total_price)
            except ValueError:
                continue  # a list that has no price of cached tokens
            ours = cost(card(priced_as=model), Usage(prompt=prompt, completion=completion, cached=cached)).value
            assert ours == pytest.approx(theirs), (model, prompt, cached)


def test_hardware_is_paid_for_as_long_as_it_is_busy() -> None:
    found = cost(card(dollars_per_hour=3.6), None, busy_ms=2_000)
    assert found.value == pytest.approx(0.002)
    assert (found.low, found.high, found.basis) == (0.0, found.value, "estimated")
    assert "busy time" in found.method
    assert cost(card(dollars_per_hour=3.6), USAGE).value is None, "how long is not known"
    quoting = ModelCard(name="q", kind="extract", generates=False, dollars_per_hour=3.6)
    assert cost(quoting, None, busy_ms=1_000).value == pytest.approx(0.001)
    assert cost(ModelCard(name="q", kind="extract", generates=False), None, busy_ms=1_000).value == 0.0


def test_figures_of_a_simulated_model_say_so() -> None:
    found = cost(card(price=Price(input=2.0, output=8.0), simulated=True), USAGE)
    assert (found.value, found.basis) == (pytest.approx(0.006), "estimated")
    assert found.method.startswith("simulated: ")
    assert cost(card(simulated=True), USAGE) == cost(card(), USAGE), "nothing is known of it either way"
