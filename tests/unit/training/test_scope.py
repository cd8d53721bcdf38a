"""A scope fitted: what is refused, what that is worth, and which examples will not do."""

from __future__ import annotations

import pytest
from tests.heads import ENCODER, embed, examples

from palier.errors import InvalidRequest
from palier.heads import file as head_file
from palier.training import scope
from palier.training.examples import Example, Examples, gathered

STRANGE = [
    Example(text=f"{animal} in the {place} tonight", label="out")
    for animal in ("zebras", "lions", "owls", "whales", "ants")
    for place in ("desert", "forest", "sea", "sky")
]


def with_strangers(each: int = 60) -> Examples:
    return gathered([*examples(each).rows, *STRANGE])


def test_strangers_are_judged_by_and_not_taught() -> None:
    fitted = scope.fit(with_strangers(), embed, ENCODER, outside="out", licence="ours")
    head = head_file.parse(fitted.content)
    assert "out" not in head.header.labels
    assert head.header.reject is not None
    report = fitted.report
    assert (report.outside, report.n, report.labels) == (20, head.header.reject.examples, 4)
    assert report.auroc is not None
    assert report.auroc > 0.9
    kept = [point.right.value for point in report.curve]
    refused = [point.refused_outside.value for point in report.curve if point.refused_outside]
    assert kept == sorted(kept)
    assert refused == sorted(refused, reverse=True)
    assert head.header.reject.recall == refused[2]


def test_without_strangers_what_is_refused_of_them_is_not_known() -> None:
    report = scope.fit(examples(40), embed, ENCODER).report
    assert report.auroc is None
    assert all(point.refused_outside is None for point in report.curve)
    assert any("is not known" in note for note in report.notes)
    assert any("is a guess" in note for note in report.notes), "160 are few"


def test_it_is_the_same_file_from_the_same_examples() -> None:
    assert scope.fit(examples(20), embed, ENCODER).content == scope.fit(examples(20), embed, ENCODER).content


@pytest.mark.parametrize(
    ("rows", "why", "more"),
    [
        (gathered(examples(4).rows[:5]), "5 examples of", {}),
        (gathered(Example(text=f"text {n}", label="one") for n in range(50)), "50 examples of 1 labels", {}),
        (examples(20), "no example has the label `out`", {"outside": "out"}),
        (examples(20), "are to be refused", {"refused": 0.9}),
        (gathered([*examples(20).rows, Example(text="alone", label="rare")]), "rare", {}),
        (
            gathered(Example(text=f"text number {n % 30}", label="one" if n < 30 else "two") for n in range(60)),
            "60 of 60 examples contradict each other",
            {},
        ),
    ],
)
def test_examples_that_will_not_do_are_refused_with_figures(rows: Examples, why: str, more: dict[str, object]) -> None:
    with pytest.raises(InvalidRequest, match=why):
        scope.fit(rows, embed, ENCODER, **more)  # type: ignore[arg-type]


def test_contradictions_are_told() -> None:
    rows = [*examples(20).rows, Example(text=examples(20).rows[0].text, label=examples(20).rows[1].label)]
    report = scope.fit(gathered(rows), embed, ENCODER).report
    if examples(20).rows[0].label != examples(20).rows[1].label:
        assert any("more than one label" in note for note in report.notes)
