"""What every metric must do: subclass `MetricSuite`, give it a `metric` and some `samples`.

    class TestMine(MetricSuite):
        samples = (
            (Case(id="1", references=("29.99 euros",)), Outcome(id="1", candidate="", output="29.99 euros")),
            (Case(id="2", references=("noon",)), Outcome(id="2", candidate="", output="noon")),
        )

        @pytest.fixture
        def metric(self):
            return build(Suite(name="mine"))

Every sample is a case with a perfect outcome: together they must have the best figure there is. `silent` is True for a
metric that says something of a case without references, documents and strings to look for.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence

import msgspec
import numpy as np
import pytest

from palier.cases import Case, Outcome, Retrieved
from palier.interfaces.measuring import Floats, Metric

Pair = tuple[Case, Outcome]

HOSTILE = (
    *(
        "",
        " ",
        "\n\n\t",
        "\x00",
        "\ud800",
        "\udfff\ud800 a",
        "a\u0301\u0301\u0301",
        "\u200b\u202e\ufeff",
        "\u0130\u0131ßﬁ",
    ),
    *(
        "🙂 12 🙂",
        "((((",
        "[1] [2]",
        "{",
        '{"a": ' * 300,
        "[" * 2000,
        '{"a": NaN}',
        "-",
        "...",
        "%s %d {0}",
        "中文",
        "null",
    ),
)
LONG = (
    "a",
    "a ",
    "1 ",
    "1",
    "é",
    "a\u0301",
    "\ud800",
    "\x00",
    "[1]",
    '{"a":',
    "[",
    "12,5 € ",
    "A.b. ",
    "a. A",
    "\n",
    "字",
)
MILLION = 1_000_000
SECONDS = 5.0
"""Of processor time that a million characters may take: lengths are to be cut."""


class MetricSuite:
    """The contract of `interfaces.Metric`."""

    samples: Sequence[Pair] = ()
    silent = True

    def test_it_says_what_it_is(self, metric: Metric) -> None:
        assert metric.name
        assert metric.kind in ("proportion", "mean", "corpus")
        assert metric.better in ("higher", "lower")
        assert np.isfinite(metric.low)
        assert metric.low < metric.high
        if metric.kind == "proportion":
            assert (metric.low, metric.high) == (0, 1)

    def test_there_are_samples(self) -> None:
        assert len(self.samples) > 1, "a suite with less than two samples says little"

    def test_what_is_perfect_has_the_best_figure(self, metric: Metric) -> None:
        best = metric.high if metric.better == "higher" else metric.low
        found = metric.combine(np.array([_known(metric, *pair) for pair in self.samples]).sum(axis=0))
        assert found == pytest.approx(best, abs=1e-9)

    def test_what_is_worse_has_a_worse_figure(self, metric: Metric) -> None:
        """Each case with the outcome of the next."""
        mixed = [(case, self.samples[n - 1][1]) for n, (case, _) in enumerate(self.samples)]
        swapped, perfect = _figure(metric, mixed), _figure(metric, self.samples)
        assert swapped < perfect if metric.better == "higher" else swapped > perfect

    def test_statistics_have_one_length(self, metric: Metric) -> None:
        lengths = {len(statistics) for pair in self._pairs() if (statistics := metric.statistics(*pair)) is not None}
        assert len(lengths) == 1, lengths

    def test_statistics_are_finite(self, metric: Metric) -> None:
        for pair in self._pairs():
            statistics = metric.statistics(*pair)
            assert statistics is None or np.isfinite(np.asarray(statistics, dtype=float)).all(), pair

    def test_one_case_says_nothing_of_the_next(self, metric: Metric) -> None:
        first = [_listed(metric, pair) for pair in self._pairs()]
        again = [_listed(metric, pair) for pair in reversed(self._pairs())]
        assert first == again[::-1]

    def test_the_order_of_cases_says_nothing(self, metric: Metric) -> None:
        rows = np.array([_known(metric, *pair) for pair in self.samples])
        found = {round(float(metric.combine(rows[list(o)].sum(axis=0))), 9) for o in _orders(len(rows))}
        assert len(found) == 1

    def test_many_sums_are_combined_at_once(self, metric: Metric) -> None:
        """Row by row, whatever the shape: (k,), (n, k), (m, n, k)."""
        rows = np.array([_known(metric, *pair) for pair in (*self.samples, *self.samples)], dtype=float)
        each = [float(metric.combine(row)) for row in rows]
        together = metric.combine(rows)
        assert together.shape == (len(rows),)
        np.testing.assert_allclose(together, each, rtol=0, atol=1e-12)
        folded = metric.combine(rows.reshape(2, len(self.samples), -1))
        np.testing.assert_allclose(folded, np.reshape(each, (2, -1)), rtol=0, atol=1e-12)

    def test_combining_leaves_the_sums_alone(self, metric: Metric) -> None:
        rows = np.array([_known(metric, *pair) for pair in self.samples], dtype=float)
        before = rows.copy()
        metric.combine(rows)
        assert (rows == before).all()

    def test_no_case_has_no_figure(self, metric: Metric) -> None:
        size = len(_known(metric, *self.samples[0]))
        assert np.isnan(metric.combine(np.zeros(size)))
        assert np.isnan(metric.combine(np.zeros((3, size)))).all()

    def test_figures_are_within_their_range(self, metric: Metric) -> None:
        rows = np.array([s for pair in self._pairs() if (s := metric.statistics(*pair)) is not None], dtype=float)
        chosen = np.random.default_rng(0).integers(0, 3, size=(50, len(rows)))
        figures = metric.combine(np.concatenate((rows, chosen.astype(float) @ rows)))
        figures = figures[~np.isnan(figures)]
        assert len(figures)
        assert (figures >= metric.low - 1e-9).all()
        assert (figures <= metric.high + 1e-9).all()

    def test_a_proportion_is_right_or_wrong(self, metric: Metric) -> None:
        if metric.kind == "proportion":
            for pair in self._pairs():
                statistics = metric.statistics(*pair)
                assert statistics is None or float(metric.combine(np.asarray(statistics, dtype=float))) in (0.0, 1.0)

    def test_a_case_without_reference_says_nothing(self, metric: Metric) -> None:
        if self.silent:
            for case, outcome in self.samples:
                bare = msgspec.structs.replace(case, references=(), relevant=(), must_contain=(), evidence=())
                assert metric.statistics(bare, msgspec.structs.replace(outcome, retrieved=())) is None

    @pytest.mark.parametrize("status", ["failed", "abstained"])
    def test_what_did_not_answer_is_measured_like_any_other(self, metric: Metric, status: str) -> None:
        for case, outcome in self.samples:
            empty = Outcome(id=outcome.id, candidate=outcome.candidate, status=status, said="I do not know", error="e")  # type: ignore[arg-type]
            statistics = metric.statistics(case, empty)
            assert statistics is None or len(statistics) == len(_known(metric, case, outcome))

    @pytest.mark.parametrize("text", HOSTILE)
    def test_strange_texts(self, metric: Metric, text: str) -> None:
        for case, outcome in self.samples:
            for pair in _put(text, case, outcome):
                _within(metric, metric.statistics(*pair))

    @pytest.mark.parametrize("unit", LONG)
    def test_a_million_characters_take_no_longer_than_the_first(self, metric: Metric, unit: str) -> None:
        text = unit * (MILLION // len(unit))
        for pair in _put(text, *self.samples[0]):
            started = time.process_time()
            _within(metric, metric.statistics(*pair))
            assert time.process_time() - started < SECONDS

    def _pairs(self) -> list[Pair]:
        """Samples, each also with the outcome of the next, with an empty one and with strange ones."""
        turned = [(case, self.samples[n - 1][1]) for n, (case, _) in enumerate(self.samples)]
        strange = [pair for text in HOSTILE for sample in self.samples for pair in _put(text, *sample)]
        return [*self.samples, *turned, *strange]


def _put(text: str, case: Case, outcome: Outcome) -> list[Pair]:
    """The text as an answer, as a reference, and as all that has words."""
    answered = msgspec.structs.replace(outcome, output=text)
    strange = msgspec.structs.replace(
        case, references=(text, *case.references), must_contain=(text,), evidence=(text,), input=text
    )
    cited = msgspec.structs.replace(
        answered, retrieved=(Retrieved(document=text, cited=True, text=text), *outcome.retrieved)
    )
    return [(case, answered), (strange, outcome), (strange, cited)]


def _known(metric: Metric, case: Case, outcome: Outcome) -> Floats:
    statistics = metric.statistics(case, outcome)
    assert statistics is not None, f"nothing is said of {case.id}, whose outcome is perfect"
    return np.asarray(statistics, dtype=float)


def _figure(metric: Metric, pairs: Sequence[Pair]) -> float:
    rows = [statistics for pair in pairs if (statistics := metric.statistics(*pair)) is not None]
    return float(metric.combine(np.array(rows, dtype=float).sum(axis=0)))


def _within(metric: Metric, statistics: Sequence[float] | None) -> None:
    if statistics is not None:
        figure = float(metric.combine(np.asarray(statistics, dtype=float)))
        assert np.isnan(figure) or metric.low - 1e-9 <= figure <= metric.high + 1e-9


def _listed(metric: Metric, pair: Pair) -> list[float] | None:
    statistics = metric.statistics(*pair)
    return None if statistics is None else [float(value) for value in statistics]


def _orders(n: int) -> list[tuple[int, ...]]:
    return list(itertools.islice(itertools.permutations(range(n)), 24))
