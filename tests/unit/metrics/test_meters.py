"""Meters: a counter that comes round, domains that are parts of others, what may not be read, cards with and without."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from palier.metrics.meters import Meters, open_meters

RANGE = 262_143_328_850
"""Microjoules: of a real processor."""


class NVMLError(Exception):
    pass


class Cards:
    """A scripted `pynvml`: millijoules of each card, or milliwatts where it has no counter, or neither."""

    NVMLError = NVMLError

    def __init__(self, cards: list[dict[str, float]], refuses: str = "") -> None:
        self.cards, self.refuses, self.opened = cards, refuses, 0

    def nvmlInit(self) -> None:  # noqa: N802
        if self.refuses:
            raise NVMLError(self.refuses)
        self.opened += 1

    def nvmlShutdown(self) -> None:  # noqa: N802
        self.opened -= 1

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        return len(self.cards)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> dict[str, float]:  # noqa: N802
        return self.cards[index]

    def nvmlDeviceGetTotalEnergyConsumption(self, card: dict[str, float]) -> float:  # noqa: N802
        return self._of(card, "mj")

    def nvmlDeviceGetPowerUsage(self, card: dict[str, float]) -> float:  # noqa: N802
        return self._of(card, "mw")

    def _of(self, card: dict[str, float], name: str) -> float:
        if name not in card:
            raise NVMLError("Not Supported")
        return card[name]


def domain(root: Path, folder: str, name: str, count: int) -> Path:
    place = root / folder
    place.mkdir(parents=True)
    (place / "name").write_text(f"{name}\n")
    (place / "max_energy_range_uj").write_text(f"{RANGE}\n")
    (place / "energy_uj").write_text(f"{count}\n")
    return place / "energy_uj"


def opened(root: Path, nvml: Any = None, **options: Any) -> Meters:
    return open_meters(root=root, nvml=nvml or Cards([], "NVML Shared Library Not Found"), **options)


def test_a_processor_is_metered_in_watt_hours(tmp_path: Path) -> None:
    count = domain(tmp_path, "intel-rapl:0", "package-0", 1_000_000)
    meters = opened(tmp_path)
    before = meters.read()
    count.write_text(f"{1_000_000 + 7_200_000_000}\n")
    assert meters.domains == ("package-0",)
    assert meters.since(before) == pytest.approx(2.0)
    assert meters.read()["package-0"] == pytest.approx(7_200.0)
    assert "package-0" in meters.words
    assert "package-0" in meters.method


def test_a_counter_that_comes_round_goes_on(tmp_path: Path) -> None:
    count = domain(tmp_path, "intel-rapl:0", "package-0", RANGE - 500_000)
    meters = opened(tmp_path)
    before = meters.read()
    count.write_text("3500000")
    assert meters.since(before) == pytest.approx(4.0 / 3600)
    count.write_text(str(RANGE - 1))
    meters.read()
    count.write_text("5")  # a second turn, read in between
    assert meters.since(before) == pytest.approx((RANGE + 500_000) / 3.6e9, rel=1e-6)


def test_parts_of_a_package_are_not_added_and_memory_is(tmp_path: Path) -> None:
    for folder, name in (
        ("intel-rapl:0", "package-0"), ("intel-rapl:0:0", "core"), ("intel-rapl:0:1", "uncore"),
        ("intel-rapl:0:2", "dram"), ("intel-rapl:1", "package-1"), ("intel-rapl:1:0", "dram"), ("intel-rapl:2", "psys"),
        ("intel-rapl-mmio:0", "package-0"),
    ):  # fmt: skip
        domain(tmp_path, folder, name, 0)
    assert opened(tmp_path).domains == ("package-0", "dram-0", "package-1", "dram-1")


def test_without_a_meter_it_says_why(tmp_path: Path) -> None:
    meters = opened(tmp_path / "absent")
    assert meters.domains == ()
    assert meters.read() == {}
    assert meters.since(meters.read()) is None
    assert f"{tmp_path / 'absent'} is not there" in meters.words
    assert "NVML Shared Library Not Found" in meters.words
    (tmp_path / "empty").mkdir()
    assert "no RAPL domain" in opened(tmp_path / "empty").words


def test_a_counter_for_root_only_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    domain(tmp_path, "intel-rapl:0", "package-0", 5)
    read = Path.read_text

    def refusing(self: Path, *args: Any, **options: Any) -> str:
        if self.name == "energy_uj":
            raise PermissionError(13, "Permission denied", str(self))
        return read(self, *args, **options)

    monkeypatch.setattr(Path, "read_text", refusing)
    meters = opened(tmp_path)
    assert meters.domains == ()
    assert "root only" in meters.words


@pytest.mark.parametrize("content", ["", "many\n"])
def test_a_domain_that_holds_no_count_is_left_out(tmp_path: Path, content: str) -> None:
    domain(tmp_path, "intel-rapl:0", "package-0", 5).write_text(content)
    domain(tmp_path, "intel-rapl:1", "package-1", 5)
    assert opened(tmp_path).domains == ("package-1",)


def test_a_domain_that_is_gone_leaves_the_energy_unknown(tmp_path: Path) -> None:
    count = domain(tmp_path, "intel-rapl:0", "package-0", 5)
    domain(tmp_path, "intel-rapl:1", "package-1", 5)
    meters = opened(tmp_path)
    before = meters.read()
    count.unlink()
    assert meters.since(before) is None


def test_a_card_with_a_counter(tmp_path: Path) -> None:
    card = {"mj": 5_000.0}
    cards = Cards([card])
    meters = opened(tmp_path, cards)
    before = meters.read()
    card["mj"] += 3_600_000.0
    assert meters.domains == ("gpu-0",)
    assert meters.since(before) == pytest.approx(1.0)
    assert cards.opened == 1
    meters.close()
    assert cards.opened == 0


def test_a_card_without_one_is_sampled_at_each_reading(tmp_path: Path) -> None:
    now = [0.0]
    card = {"mw": 100_000.0}
    meters = opened(tmp_path, Cards([{}, card]), clock=lambda: now[0])
    before = meters.read()
    now[0], card["mw"] = 36.0, 300_000.0
    assert meters.domains == ("gpu-1",), "the first tells neither energy nor power"
    assert meters.since(before) == pytest.approx(2.0), "the mean of 100 and 300 W for 36 s"
    assert "power at each reading" in meters.words


def test_cards_that_tell_nothing_are_let_go(tmp_path: Path) -> None:
    cards = Cards([{}, {}])
    assert opened(tmp_path, cards).domains == ()
    assert cards.opened == 0
    assert "none of 2 tells" in opened(tmp_path, cards).words
