"""Carbon: energy times a factor, never measured, and unknown where one of the two is."""

from __future__ import annotations

import pytest

from palier.metrics.carbon import carbon
from palier.metrics.zones import Zone, zone
from palier.types import Quantity

MEASURED = Quantity(value=1000.0, low=900.0, high=1100.0, basis="measured", method="metered: all that package-0 took")


def test_a_kilowatt_hour_in_france() -> None:
    found = carbon(MEASURED, zone("FRA"))
    assert found.value == pytest.approx(56.039)
    assert (found.low, found.high) == (pytest.approx(56.039 * 0.9), pytest.approx(56.039 * 1.1))
    assert found.basis == "estimated", "also of measured energy: the factor is an average"
    assert found.method.startswith("metered: all that package-0 took, FRA 56.0 g/kWh")


def test_the_site_takes_more_than_its_machines() -> None:
    found = carbon(MEASURED, zone("FRA", pue=1.5))
    assert found.value == pytest.approx(56.039 * 1.5)
    assert "PUE 1.5" in found.method


@pytest.mark.parametrize("where", [None, Zone(method="no zone: set `zone`")])
def test_without_a_zone_it_is_unknown_and_says_what_to_set(where: Zone | None) -> None:
    found = carbon(MEASURED, where)
    assert (found.value, found.low, found.high, found.basis) == (None, None, None, "unknown")
    assert "zone" in found.method


def test_of_unknown_energy_it_is_unknown_and_keeps_what_is_known() -> None:
    found = carbon(Quantity(low=500.0, method="no power is declared for m"), zone("FRA"))
    assert (found.value, found.high, found.basis) == (None, None, "unknown")
    assert found.low == pytest.approx(28.0195)
    assert found.method == "no power is declared for m"


def test_a_range_that_is_not_known_stays_unknown() -> None:
    found = carbon(Quantity(value=2.0, basis="estimated"), zone("SWE"))
    assert (found.low, found.high) == (None, None)
