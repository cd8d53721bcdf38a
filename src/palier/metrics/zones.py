"""Zones of electricity: what a kilowatt-hour weighs, by country and year, and where the regions of clouds are.

The table is `zones.toml`: yearly averages over the life cycle, by Ember and Our World in Data (CC BY 4.0). There is no
default country: where nothing is said, carbon stays unknown.
"""

from __future__ import annotations

import difflib
import tomllib
from functools import cache, lru_cache
from importlib import resources
from typing import Any

from palier.config import Settings, leaves
from palier.errors import ConfigurationError
from palier.types import Data


class Zone(Data, frozen=True, kw_only=True):
    """Where electricity comes from. `intensity`: grams of CO2e per kWh; None where it is not known, and `method` why.

    `pue` (power usage effectiveness, ISO/IEC 30134-2): what the whole site takes for each kWh that the machine takes.
    """

    name: str = ""
    intensity: float | None = None
    pue: float = 1.0
    method: str = ""
    """Of the factor, as it stands behind every figure: `FRA 56.0 g/kWh (Ember, by Our World in Data, 2023 average)`."""


@lru_cache(maxsize=1024)
def zone(name: str, *, pue: float = 1.0) -> Zone:
    """The zone of a country (ISO 3166-1 alpha-3) or of a cloud's region (`eu-west-3`), in any case.

    Raises `ConfigurationError` that suggests the nearest for a name that is neither.
    """
    table, code, where = _table(), name.strip().upper(), ""
    if code not in table["zones"]:
        placed = _regions().get(name.strip().lower())
        if placed is None:
            raise ConfigurationError(f"`{name}` is no zone of electricity that is known", hint=_suggestion(name))
        cloud, code = placed
        where = f"{name.strip().lower()} of {cloud} is in "
    _, grams, year = table["zones"][code]
    around = f", PUE {pue:g}" if pue != 1 else ""
    method = f"{where}{code} {grams:.1f} g/kWh ({table['source']}, {year} average){around}"
    return Zone(name=code, intensity=grams, pue=pue, method=method)


def declared(intensity: float, *, name: str = "", pue: float = 1.0) -> Zone:
    """A zone whose grams of CO2e per kWh were declared: of one's own contract, panels or meter."""
    around = f", PUE {pue:g}" if pue != 1 else ""
    return Zone(
        name=name, intensity=intensity, pue=pue, method=f"{name} {intensity:g} g/kWh (declared){around}".strip()
    )


def of_model(settings: Settings, name: str) -> Zone:
    """Where `[models.NAME]` takes its electricity, by its own `zone` or `region`, else `[carbon]` if it is at home.

    Raises `ConfigurationError` for a `zone` that is none. A `region` that is not known is no error: it may be anybody's
    word for a place.
    """
    model = settings.models[name]
    home = not leaves(model)
    pue = settings.carbon.pue if home and not model.impacts_as else 1.0  # ecologits' figures have one in them
    if model.zone:
        return zone(model.zone, pue=pue)
    if home:
        return of_site(settings)
    if not model.region:
        return Zone(method=f"no zone: set `zone` or `region` of [models.{name}]")
    try:
        return zone(model.region, pue=pue)
    except ConfigurationError:
        return Zone(method=f"no zone: `{model.region}` is no region that is known; set `zone` of [models.{name}]")


def of_site(settings: Settings) -> Zone:
    """The zone of `[carbon]`: of what runs on the premises. Raises `ConfigurationError` for one that is none."""
    site = settings.carbon
    if site.intensity is not None:
        return declared(site.intensity, name=site.zone, pue=site.pue)
    if site.zone:
        return zone(site.zone, pue=site.pue)
    return Zone(method='no zone: set [carbon] zone = "FRA" (ISO 3166-1 alpha-3), or intensity')


def names() -> dict[str, str]:
    """Every zone's code and country."""
    return {code: row[0] for code, row in _table()["zones"].items()}


def _suggestion(name: str) -> str:
    countries = names()
    by_country = {country.casefold(): code for code, country in countries.items()}
    close = difflib.get_close_matches(name.strip().casefold(), [*by_country, *_regions()], n=1, cutoff=0.75)
    if close:
        code = by_country.get(close[0], close[0])
        return f"did you mean `{code}`" + (f" ({countries[code]})?" if code in countries else "?")
    return "a country in three letters (ISO 3166-1 alpha-3), as FRA or DEU, or a region of a cloud, as eu-west-3"


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads(resources.files("palier.metrics").joinpath("zones.toml").read_text(encoding="utf-8"))


@cache
def _regions() -> dict[str, tuple[str, str]]:
    """By name: whose region it is, and the country."""
    return {
        region: (cloud, country)
        for cloud, countries in _table()["regions"].items()
        for country, regions in countries.items()
        for region in regions
    }
