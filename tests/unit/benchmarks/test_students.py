"""How lessons are drawn and parted for students."""

from __future__ import annotations

from collections import Counter

import pytest
from benchmarks.banking77 import drawn, share_of_draws
from benchmarks.heads import Text
from benchmarks.students import parts, share, watt_hours

TEXTS = [Text(str(i), f"text {i}", f"label {i % 7}") for i in range(203)]


@pytest.mark.parametrize("count", [2, 5, 10])
def test_parts_have_as_much_of_each_label(count: int) -> None:
    cells = Counter((text.label, part) for text, part in zip(TEXTS, parts(TEXTS, count).tolist(), strict=True))
    for label in {text.label for text in TEXTS}:
        of_parts = [cells[label, part] for part in range(count)]
        assert max(of_parts) - min(of_parts) <= 1


def test_lessons_are_drawn_evenly_two_of_a_label_at_least() -> None:
    for size in (6, 14, 60, 203):
        lessons = drawn(TEXTS, size, seed=1)
        counts = Counter(text.label for text in lessons)
        assert len(lessons) == len({text.id for text in lessons}) == size
        assert len(counts) == min(7, size // 2)
        assert min(counts.values()) >= 2
        assert max(counts.values()) - min(counts.values()) <= 1
    assert drawn(TEXTS, 60, seed=1) == drawn(TEXTS, 60, seed=1) != drawn(TEXTS, 60, seed=2)


def test_draws_that_agree_are_worth_no_more_than_one() -> None:
    right = [True] * 80 + [False] * 20
    assert share_of_draws([right])[1:] == share(right)[1:]
    three = share_of_draws([right] * 3)
    assert three == pytest.approx(share(right), abs=0.005)


def test_energy_is_declared_power_times_time() -> None:
    assert watt_hours(3600) == 20
