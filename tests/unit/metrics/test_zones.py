"""Zones: the checkable figures, clouds' regions, and no default country."""

from __future__ import annotations

from typing import Any

import pytest

from palier.config import parse
from palier.errors import ConfigurationError
from palier.metrics import zones
from palier.metrics.zones import Zone, zone

CHECKABLE = {
    "FRA": 56.039, "DEU": 380.95, "USA": 369.473, "POL": 661.926, "SWE": 40.695, "GBR": 237.589, "ESP": 174.05,
}  # fmt: skip


@pytest.mark.parametrize(("name", "grams"), CHECKABLE.items())
def test_the_checkable_figures(name: str, grams: float) -> None:
    assert zone(name).intensity == grams
    assert zone(name.lower()).name == name
    assert "Ember" in zone(name).method
    assert "2023 average" in zone(name).method


def test_every_row_is_sound() -> None:
    assert len(zones.names()) > 200
    for code in zones.names():
        found = zone(code)
        assert len(code) == 3
        assert found.intensity is not None
        assert 10 < found.intensity < 1500, code


@pytest.mark.parametrize(
    ("region", "country"),
    [
        ("eu-west-3", "FRA"), ("europe-west9", "FRA"), ("francecentral", "FRA"), ("fr-par", "FRA"),
        ("westeurope", "NLD"), ("northeurope", "IRL"), ("EU-NORTH-1", "SWE"), ("us-east-1", "USA"), ("us-east1", "USA"),
    ],
)  # fmt: skip
def test_the_regions_of_clouds(region: str, country: str) -> None:
    found = zone(region)
    assert found.name == country
    assert found.intensity == zone(country).intensity
    assert region.lower() in found.method


def test_every_region_is_in_a_zone_of_the_table_and_in_one_only() -> None:
    table = zones._table()
    listed = [region for countries in table["regions"].values() for row in countries.values() for region in row]
    assert len(listed) == len(set(listed)), "two clouds call different places the same"
    assert {country for countries in table["regions"].values() for country in countries} <= set(table["zones"])
    assert len(listed) > 120


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("France", "did you mean `FRA`"),
        ("eu-west-33", "did you mean `eu-west-3`"),
        ("", "ISO 3166-1"),
        ("FR", "ISO 3166"),
    ],
)
def test_what_is_no_zone_is_told_what_may_be_meant(name: str, hint: str) -> None:
    with pytest.raises(ConfigurationError, match=hint):
        zone(name)


def of(model: dict[str, Any], carbon: dict[str, Any] | None = None) -> Zone:
    return zones.of_model(parse({"models": {"m": model}, "carbon": carbon or {}}), "m")


CLOUD = {"kind": "endpoint", "base_url": "https://api.example.com/v1", "model": "x"}
HOME = {"kind": "engine", "weights": "smollm2-135m"}


def test_at_home_it_is_the_sites_and_elsewhere_never() -> None:
    site = {"zone": "FRA", "pue": 1.5}
    assert (of(HOME, site).name, of(HOME, site).pue) == ("FRA", 1.5)
    assert of({**CLOUD, "on_premises": True}, site).name == "FRA"
    elsewhere = of(CLOUD, site)
    assert elsewhere.intensity is None
    assert "`zone` or `region` of [models.m]" in elsewhere.method


def test_there_is_no_default_country() -> None:
    for model in (HOME, CLOUD):
        assert of(model).intensity is None
        assert "no zone: set" in of(model).method


def test_a_models_own_words_win() -> None:
    assert of({**HOME, "zone": "DEU"}, {"zone": "FRA"}).name == "DEU"
    assert of({**CLOUD, "region": "eu-west-3"}).name == "FRA"
    assert of({**CLOUD, "region": "eu-west-3", "zone": "IRL"}).name == "IRL"
    assert of({**CLOUD, "region": "eu-west-3"}, {"pue": 1.5}).pue == 1.0, "a cloud's is in its estimate"


def test_a_region_that_is_anybodys_word_leaves_it_unknown() -> None:
    found = of({**CLOUD, "region": "somewhere in the EU"})
    assert found.intensity is None
    assert "somewhere in the EU" in found.method
    with pytest.raises(ConfigurationError, match="is no zone"):
        of({**CLOUD, "zone": "somewhere in the EU"})


def test_declared_grams_beat_the_zones_average() -> None:
    found = of(HOME, {"zone": "FRA", "intensity": 12.5, "pue": 1.2})
    assert (found.intensity, found.pue, found.name) == (12.5, 1.2, "FRA")
    assert found.method == "FRA 12.5 g/kWh (declared), PUE 1.2"
    assert of(HOME, {"intensity": 0.0}).intensity == 0.0
