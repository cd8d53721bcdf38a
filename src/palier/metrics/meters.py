"""Meters of this machine: joules that processors (RAPL) and graphics cards (NVML) counted, whoever used them.

A meter sees the whole machine, so it measures a benchmark that has the machine to itself, and never one request among
others: nothing here is asked on the way of a request.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

POWERCAP = Path("/sys/class/powercap")
LONGEST_S = 600.0
"""A counter of a processor comes round about once in so long under full load: read at least as often."""


class Counter(Protocol):
    """One thing that counts. `name` is the domain: `package-0`, `dram-0`, `gpu-0`."""

    name: str

    def read(self) -> float | None:
        """Joules since it was opened; None where it cannot be read any more."""
        ...


class Meters:
    """The meters that could be opened, and `words` on what is there or why not."""

    def __init__(self, counters: list[Counter], words: str, release: Callable[[], None] = lambda: None) -> None:
        self._counters = counters
        self._release = release
        self.words = words

    @property
    def domains(self) -> tuple[str, ...]:
        """What is metered; empty where nothing is."""
        return tuple(counter.name for counter in self._counters)

    @property
    def method(self) -> str:
        """Of what was measured, in words."""
        return f"metered: all that {', '.join(self.domains)} took"

    def read(self) -> dict[str, float]:
        """Joules by domain since the meters were opened. Read at least every `LONGEST_S`: a counter comes round."""
        counts = ((counter.name, counter.read()) for counter in self._counters)
        return {name: joules for name, joules in counts if joules is not None}

    def since(self, before: Mapping[str, float]) -> float | None:
        """Watt-hours since `before`, a reading; None where a domain of it can no longer be read, or there is none."""
        now = self.read()
        if not before or before.keys() - now.keys():
            return None
        return sum(now[name] - joules for name, joules in before.items()) / 3600

    def close(self) -> None:
        """Let go of what was opened."""
        self._release()


def open_meters(*, root: Path = POWERCAP, nvml: Any = None, clock: Callable[[], float] = time.monotonic) -> Meters:
    """Every meter of this machine that may be read; none is no error, and `words` say why.

    `nvml` is the module that is asked, by default `pynvml` of the extra `carbon`.
    """
    processors, of_processors = _processors(root)
    library = _library() if nvml is None else nvml
    cards, of_cards = _cards(library, clock)
    release = library.nvmlShutdown if cards else lambda: None
    return Meters([*processors, *cards], f"{of_processors}; {of_cards}", release)


# --- processors ------------------------------------------------------------------------------------------------------


class Rapl:
    """Running average power limit (Intel SDM 3B, 15.10; AMD has the same): a count of microjoules that comes round."""

    def __init__(self, name: str, folder: Path) -> None:
        """Raises `OSError` or `ValueError` where it cannot be read."""
        self.name = name
        self._file = folder / "energy_uj"
        self._range = int((folder / "max_energy_range_uj").read_text(encoding="ascii"))
        self._last = self._count()
        self._total = 0

    def read(self) -> float | None:
        """See `Counter`."""
        try:
            count = self._count()
        except (OSError, ValueError):
            return None
        # It stands at its range once, then at 0: of a counter that came round twice unread, a turn is lost.
        self._total += count - self._last if count >= self._last else count + self._range - self._last
        self._last = count
        return self._total / 1e6

    def _count(self) -> int:
        return int(self._file.read_text(encoding="ascii"))


def _processors(root: Path) -> tuple[list[Rapl], str]:
    """Packages, and the memory beside them. Cores are parts of a package, and psys holds it: neither is added."""
    if not root.is_dir():
        return [], f"no meter of the processor: {root} is not there"
    found: list[Rapl] = []
    refused: list[str] = []
    for folder in sorted(root.glob("intel-rapl:*")):
        try:
            name = (folder / "name").read_text(encoding="ascii").strip()
            if name.startswith("package") or name == "dram":
                socket = folder.name.split(":")[1]
                found.append(Rapl(name if name != "dram" else f"dram-{socket}", folder))
        except PermissionError:
            refused.append(folder.name)
        except (OSError, ValueError):
            continue  # a domain that is switched off has a folder, and no count
    if refused and not found:
        return [], (
            f"no meter of the processor: {root}/{refused[0]}/energy_uj may be read by root only (a benchmark on a "
            "machine of its own may be given it; on others one learns secrets by it, CVE-2020-8694)"
        )
    if not found:
        return [], f"no meter of the processor: {root} holds no RAPL domain"
    return found, f"RAPL: {', '.join(counter.name for counter in found)}"


# --- graphics cards --------------------------------------------------------------------------------------------------


class Nvml:
    """A card of NVIDIA's by its library: its count of millijoules, or its power at each reading where it has none."""

    def __init__(self, nvml: Any, index: int, clock: Callable[[], float]) -> None:
        """Raises the library's error where the card gives neither."""
        self.name = f"gpu-{index}"
        self.sampled = False
        self._nvml, self._clock = nvml, clock
        self._handle = nvml.nvmlDeviceGetHandleByIndex(index)
        self._total = self._last = self._at = 0.0
        try:
            self._first = float(nvml.nvmlDeviceGetTotalEnergyConsumption(self._handle))
        except nvml.NVMLError:
            self.sampled = True
            self._last, self._at = self._watts(), clock()

    def read(self) -> float | None:
        """See `Counter`. Of sampled power, the mean of this reading and the last over the time between."""
        try:
            if not self.sampled:
                return (float(self._nvml.nvmlDeviceGetTotalEnergyConsumption(self._handle)) - self._first) / 1000
            watts, now = self._watts(), self._clock()
        except self._nvml.NVMLError:
            return None
        self._total += (watts + self._last) / 2 * (now - self._at)
        self._last, self._at = watts, now
        return self._total

    def _watts(self) -> float:
        return float(self._nvml.nvmlDeviceGetPowerUsage(self._handle)) / 1000


def _library() -> Any:
    """`pynvml`, or None: it is loaded only to look for a card."""
    try:
        import pynvml
    except ImportError:
        return None
    return pynvml


def _cards(nvml: Any, clock: Callable[[], float]) -> tuple[list[Nvml], str]:
    """The cards that tell what they take. With none of them the library is let go again."""
    if nvml is None:
        return [], 'no meter of a graphics card: pip install "palier[carbon]" to look for one'
    found: list[Nvml] = []
    try:
        nvml.nvmlInit()
    except nvml.NVMLError as error:
        return [], f"no meter of a graphics card: {error}"
    try:
        count = nvml.nvmlDeviceGetCount()
        for index in range(count):
            with contextlib.suppress(nvml.NVMLError):  # it tells neither energy nor power
                found.append(Nvml(nvml, index, clock))
        words = f"none of {count} tells what it takes"
    except nvml.NVMLError as error:
        words = str(error)
    if not found:
        nvml.nvmlShutdown()
        return [], f"no meter of a graphics card: {words}"
    names = ", ".join(f"{card.name} (power at each reading)" if card.sampled else card.name for card in found)
    return found, f"NVML: {names}"
