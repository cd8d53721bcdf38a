"""Edit effort: what a person would have to change."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from palier.cases import Case, Outcome, Suite
from palier.errors import MissingExtra
from palier.metrics.editing import EditEffort, changed

TEXT = st.text(st.sampled_from("ab é"), max_size=8)


def levenshtein(one: str, other: str) -> int:
    """The table, as in Wagner and Fischer (1974)."""
    row = list(range(len(other) + 1))
    for n, a in enumerate(one, 1):
        before, row[0] = row[0], n
        for m, b in enumerate(other, 1):
            before, row[m] = row[m], min(row[m] + 1, row[m - 1] + 1, before + (a != b))
    return row[-1]


@settings(deadline=None)
@given(TEXT, TEXT)
def test_changed_is_the_edit_distance(text: str, corrected: str) -> None:
    assert changed(text, corrected) == levenshtein(text.strip(), corrected.strip())


def test_two_forms_of_one_letter_are_one() -> None:
    assert changed("e\u0301te", "éte") == 0


def test_effort_is_over_the_characters_of_the_nearest_reference() -> None:
    metric = EditEffort(Suite(name="s"))
    outcome = Outcome(id="1", candidate="c", output="at noon!")
    near = metric.statistics(Case(id="1", references=("far away from it", "at noon")), outcome)
    assert near == (1.0, 7.0)
    empty = metric.statistics(Case(id="2", references=("abc",)), Outcome(id="2", candidate="c", status="failed"))
    assert empty == (3.0, 3.0)
    assert float(metric.combine(np.add(near, empty))) == pytest.approx(0.4)


def test_without_the_library_the_install_command_is_said(monkeypatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "rapidfuzz.distance", None)
    with pytest.raises(MissingExtra, match=r'edit_effort.*rapidfuzz.*pip install "palier\[bench\]"'):
        EditEffort(Suite(name="s"))
