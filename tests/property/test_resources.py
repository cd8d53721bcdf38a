"""Laws of what requests take: totals are additive, unknown absorbs and is never 0, carbon is linear in energy."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from palier.cards import ModelCard, Price
from palier.metrics.carbon import carbon
from palier.metrics.cost import cost, total
from palier.metrics.energy import energy
from palier.metrics.zones import Zone
from palier.types import Quantity, Usage

amount = st.floats(0, 1e6, allow_nan=False)
usages = st.builds(
    lambda prompt, cached, completion: Usage(prompt=prompt, cached=min(prompt, cached), completion=completion),
    st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6),
)  # fmt: skip


@st.composite
def quantities(draw, known=True):
    if not known:
        return Quantity(low=draw(st.none() | st.floats(1e-6, 1e6)), method=draw(st.sampled_from(["why", "because"])))
    low, value, high = sorted(draw(st.tuples(amount, amount, amount)))
    basis = draw(st.sampled_from(["measured", "estimated"]))
    return Quantity(value=value, low=low, high=high, basis=basis, method=draw(st.sampled_from(["a", "b"])))


zones = st.builds(lambda grams, pue: Zone(name="X", intensity=grams, pue=pue), st.floats(0, 2000), st.floats(1, 3))


def close(one, other):
    for field in ("value", "low", "high"):
        mine, theirs = getattr(one, field), getattr(other, field)
        assert (mine is None) == (theirs is None), field
        assert mine is None or mine == pytest.approx(theirs, rel=1e-9, abs=1e-12)


@given(st.lists(quantities(), min_size=1, max_size=6), st.integers(0, 6))
def test_a_total_of_totals_is_the_total(parts, cut):
    close(
        total([total(parts[:cut]), total(parts[cut:])]) if parts[:cut] and parts[cut:] else total(parts), total(parts)
    )
    whole = total(parts)
    assert whole.value == pytest.approx(sum(part.value for part in parts))
    assert whole.low <= whole.value * (1 + 1e-9) + 1e-12
    assert whole.value <= whole.high * (1 + 1e-9) + 1e-12


@given(st.lists(quantities(), max_size=5), quantities(known=False), st.integers(0, 5))
def test_an_unknown_part_makes_the_whole_unknown_and_never_0(parts, unknown, place):
    parts.insert(place, unknown)
    whole = total(parts)
    assert (whole.value, whole.high, whole.basis) == (None, None, "unknown")
    assert whole.low is None or whole.low > 0
    assert unknown.method in whole.method


@given(st.lists(quantities() | quantities(known=False), min_size=1, max_size=6), zones)
def test_carbon_of_the_total_is_the_total_of_carbon(energies, where):
    whole, parts = carbon(total(energies), where), total([carbon(used, where) for used in energies])
    assert whole.basis == parts.basis != "measured"
    if where.intensity > 1e-3:
        close(whole, parts)


@given(quantities() | quantities(known=False))
def test_without_a_zone_carbon_is_unknown(used):
    for where in (None, Zone(method="no zone")):
        found = carbon(used, where)
        assert (found.value, found.low, found.high, found.basis) == (None, None, None, "unknown")
        assert found.method


@given(usages, usages, st.floats(0, 100), st.floats(0, 100), st.none() | st.floats(0, 100))
def test_cost_is_additive_in_tokens(one, other, into, out, cached):
    card = ModelCard(name="m", kind="endpoint", price=Price(input=into, output=out, cached=cached))
    both = Usage(
        prompt=one.prompt + other.prompt, completion=one.completion + other.completion, cached=one.cached + other.cached
    )
    close(cost(card, both), total([cost(card, one), cost(card, other)]))


@given(amount, amount, st.floats(0, 1e4), st.floats(0, 1e3))
def test_energy_and_hourly_cost_are_additive_in_busy_time(one, other, watts, dollars):
    card = ModelCard(name="m", kind="engine", watts=watts, dollars_per_hour=dollars)
    close(energy(card, one + other), total([energy(card, one), energy(card, other)]))
    close(cost(card, None, None, one + other), total([cost(card, None, None, ms) for ms in (one, other)]))


@given(usages)
def test_more_tokens_never_cost_less_by_the_published_list_below_its_tiers(usage):
    card = ModelCard(name="m", kind="endpoint", priced_as="gpt-4o-mini")
    more = Usage(prompt=usage.prompt + 5, completion=usage.completion + 5, cached=usage.cached)
    assert cost(card, usage).value < cost(card, more).value
