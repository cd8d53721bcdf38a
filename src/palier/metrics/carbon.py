"""Carbon: energy times what a kilowatt-hour weighs where it is taken. Without one of the two it stays unknown."""

from __future__ import annotations

from palier.metrics.zones import Zone
from palier.types import Quantity


def carbon(energy: Quantity, zone: Zone | None) -> Quantity:
    """Grams of CO2e of `energy` (Wh) taken in `zone`. Linear, so that totals of carbon are those of their energies.

    Always an estimate, also of measured energy: the factor is a yearly average of what a country generates, and the
    hour may weigh several times as much or as little, which nobody measured. `low` and `high` are those of the energy.
    Only use is counted: not what it took to make the machine.
    """
    if zone is None or zone.intensity is None:
        return Quantity(method=zone.method if zone else "no zone of electricity is set")
    factor = zone.intensity * zone.pue / 1000
    low = None if energy.low is None else energy.low * factor
    if energy.value is None:
        return Quantity(low=low, method=energy.method)
    return Quantity(
        value=energy.value * factor,
        low=low,
        high=None if energy.high is None else energy.high * factor,
        basis="estimated",
        method=f"{energy.method}, {zone.method}",
    )
