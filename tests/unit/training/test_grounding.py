"""The grounding guard fitted to labels: what it learns, what is said of it, and which examples will not do."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, cast

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from tests.grounding import examples, fitted, rows
from tests.heads import ENCODER, WordEncoder, embed

from palier.config import Guard
from palier.errors import InvalidRequest
from palier.guards import weighing
from palier.guards.grounding import Grounding, build
from palier.guards.taught import sign
from palier.interfaces import Resources
from palier.interfaces.guarding import Context
from palier.metrics.reliability import auroc
from palier.training import grounding
from palier.training.grounding_rows import Row, gathered, lay

once = cache(fitted)


class Here:
    async def run(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return function(*arguments)

    async def close(self) -> None: ...


def guard(folder: Path, content: bytes) -> Grounding:
    (folder / "ours.json").write_bytes(content)
    resources = Resources(cast(Any, None), WordEncoder(), Here(), folder, lambda name: folder / name)
    return build("g", Guard(kind="grounding", file="ours.json"), resources)


def weights(folder: Path, content: bytes) -> weighing.Weights:
    (folder / "w.json").write_bytes(content)
    return weighing.load.__wrapped__(folder / "w.json")


def test_it_learns_what_the_weights_of_the_package_do_not_know() -> None:
    report = once().report
    assert (report.n, report.supported) == (180, 60)
    assert report.auroc.value > 0.97
    assert report.auroc.value > report.general.value
    assert report.gain.low is not None
    assert report.gain.low > 0
    assert report.calibration_error < 0.1
    found = [point.found.value for point in report.curve]
    assert found == sorted(found)
    assert [point.refused for point in report.curve if point.refused == report.refused] == [0.125]


def test_its_figure_is_that_of_rows_whose_group_it_was_not_taught() -> None:
    held = once().held_out
    given_rows = examples().rows
    assert auroc([held[at] for at in held], [float(given_rows[at].supported) for at in held]) == pytest.approx(
        once().report.auroc.value, abs=1e-3
    )


def test_labels_drawn_by_lot_teach_nothing() -> None:
    lot = gathered(msgspec.structs.replace(row, supported=n % 3 == 0) for n, row in enumerate(examples(40).rows))
    with pytest.raises(InvalidRequest, match=r"nothing was learnt: of examples not taught, AUROC 0\.[34]"):
        grounding.fit(lot, embed, ENCODER)


def test_labels_that_contradict_each_other_are_refused_with_figures() -> None:
    given = examples(40).rows
    most = [msgspec.structs.replace(row, supported=not row.supported) for row in given[:100]]
    with pytest.raises(InvalidRequest, match=r"200 of 220 examples contradict each other") as raised:
        grounding.fit(gathered([*given, *most]), embed, ENCODER)
    assert raised.value.param == "expected"
    lot = [msgspec.structs.replace(row, supported=n % 3 == 0) for n, row in enumerate(given)]
    some = [msgspec.structs.replace(row, supported=not row.supported) for row in lot[:20]]
    with pytest.raises(
        InvalidRequest, match=r"AUROC 0\.[34]\d+, and 0.5 is chance; 40 of 140 examples are labelled both"
    ):
        grounding.fit(gathered([*lot, *some]), embed, ENCODER)


async def test_the_guard_says_what_was_fitted(tmp_path: Path) -> None:
    """What is taught and what is served are one thing: a sentence's score is its row's."""
    one = guard(tmp_path, once().content)
    taught, base = weights(tmp_path, once().content).taught, weighing.load().same
    assert taught is not None
    assert one.threshold == taught.threshold
    for row in rows(20, seed=9):
        laid = lay(row, base)
        assert laid is not None
        verdict = await one.check(row.text, Context(question=row.question, evidence=row.evidence))
        said = taught.support(laid.signals, embed([laid.text])[0])
        assert verdict.score == pytest.approx(1 - said, abs=1e-4)
    told = set()
    for liked in rows(20, seed=9)[1::3]:
        verdict = await one.check(liked.text, Context(question=liked.question, evidence=liked.evidence))
        assert verdict.action == "climb"
        told.add(verdict.reason.split(": ")[1])
    assert "it is like what its examples call unsupported" in told, "the weights of the package would pass some"


def test_no_weight_is_against_its_sign() -> None:
    taught = msgspec.json.decode(once().content, type=weighing.Weights).taught
    assert taught is not None
    assert all(weight * sign(name) >= 0 for name, weight in taught.weights.items())
    assert (taught.origin.licence, taught.origin.digest) == ("ours", examples().digest)


def test_it_is_the_same_file_from_the_same_examples_in_any_order() -> None:
    other = grounding.fit(gathered(reversed(rows())), embed, ENCODER, licence="ours", source="made for tests")
    assert other.content == once().content


@pytest.mark.parametrize(
    ("given_rows", "why", "more"),
    [
        (rows(2)[:5], "5 examples: 2 supported, 3 not", {}),
        ([row for row in rows(40) if row.supported], "40 examples: 40 supported, 0 not", {}),
        (rows(40), "are to be refused", {"refused": 0.7}),
        ([msgspec.structs.replace(row, group="all") for row in rows(40)], "120 examples hang together in 1 groups", {}),
        (
            [
                msgspec.structs.replace(row, group="yes" if row.supported else f"no {n}")
                for n, row in enumerate(rows(40))
            ],
            "of one label hang together",
            {},
        ),
    ],
)
def test_examples_that_will_not_do_are_refused_with_figures(
    given_rows: list[Row], why: str, more: dict[str, float]
) -> None:
    with pytest.raises(InvalidRequest, match=why):
        grounding.fit(gathered(given_rows), embed, ENCODER, **more)


def test_what_weakens_the_figures_is_told() -> None:
    some = rows(40)
    several = [msgspec.structs.replace(some[0], text=f"{some[0].text} {some[3].text}", supported=False)]
    mute = [msgspec.structs.replace(some[6], text="Bonjour !", supported=False)]
    torn = [msgspec.structs.replace(some[9], supported=False)]
    abroad = [Row(text="The museum in the town is open for all of you.", evidence=some[0].evidence, supported=False)]
    long = [msgspec.structs.replace(some[12], text=f"{some[12].text[:-1]} mot" + " mot" * 130 + ".", supported=False)]
    notes = " ".join(
        grounding.fit(gathered([*some, *several, *mute, *torn, *abroad, *long]), embed, ENCODER).report.notes
    )
    assert "1 texts beside the same passages are labelled both ways (2 of 125 examples)" in notes
    assert "1 of 125 examples have no passage in their language" in notes
    assert "124 examples are few" in notes
    assert "2 of 124 examples have several sentences" in notes, "one too long is cut into two"
    assert "1 of 124 examples claim nothing" in notes
    assert "1 of 124 examples have more than 120 words" in notes


def test_a_large_group_is_told() -> None:
    together = [msgspec.structs.replace(row, group="one" if n < 60 else "") for n, row in enumerate(rows(40))]
    notes = grounding.fit(gathered(together), embed, ENCODER).report.notes
    assert any(note.startswith("60 of 120 examples hang together") for note in notes)


@settings(max_examples=50, deadline=None)
@given(arrays.arrays(np.int64, st.integers(5, 60), elements=st.integers(0, 8)))
def test_a_group_is_never_parted(drawn: Any) -> None:
    group = np.unique(drawn, return_inverse=True)[1]
    part = grounding.parts(group)
    for one in set(group.tolist()):
        assert len(set(part[group == one].tolist())) == 1
    assert set(part.tolist()) == set(range(min(10, group.max() + 1))), "no part is empty"


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.booleans(), st.integers(0, 3)), min_size=2, max_size=40))
def test_counted_often_is_written_often(drawn: list[tuple[int, bool, int]]) -> None:
    scores, right, times = (np.array(column, float) for column in zip(*drawn, strict=True))
    ranked = grounding._Ranked.of(scores, right)
    written = [(s, r) for s, r, n in drawn for _ in range(n)]
    expected = auroc([s for s, _ in written], [float(r) for _, r in written]) if written else None
    assert ranked.auroc(times) == pytest.approx(expected if expected is not None else float("nan"), nan_ok=True)


def test_it_is_the_least_loss() -> None:
    """No step from where it ends makes the penalised loss smaller."""
    chance = np.random.default_rng(0)
    table = np.column_stack((chance.standard_normal((80, 4)), np.ones(80)))
    y = (table[:, 0] + chance.standard_normal(80) > 0).astype(float)
    penalty = np.array([2.0, 2.0, 2.0, 2.0, 1e-3])
    at = grounding._newton(table, y, penalty, np.zeros(5))

    def loss(w: Any) -> float:
        return float(np.logaddexp(0, table @ w).sum() - y @ (table @ w) + (penalty * w) @ w / 2)

    assert all(loss(at) <= loss(at + 0.05 * chance.standard_normal(5)) for _ in range(200))
    slope = table.T @ (1 / (1 + np.exp(-(table @ at))) - y) + penalty * at
    assert np.abs(slope).max() < 1e-2
