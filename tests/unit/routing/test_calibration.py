"""Fitting a probability: what is learned, what is chosen, what is refused; and that one row and many agree."""

import time

import msgspec
import numpy as np
import pytest

from palier.errors import InvalidRequest
from palier.metrics.reliability import auroc
from palier.routing.calibration import Calibrator, cross_fitted, fit_calibrator
from palier.routing.regression import centred_isotonic, penalised_logistic, penalised_logistics, sigmoid


def drawn(rows, of, seed=0, features=1):
    """Features and outcomes whose probability is `of` the first feature."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(rows, features))
    return x, (random.random(rows) < of(x[:, 0])).astype(float)


def steep(x):
    return sigmoid(2 * x + 0.5)


def shelved(x):
    """No logistic curve: half of the rows are a coin's toss, whatever their score."""
    return np.where(x < 0, 0.5, 0.95)


def test_a_logistic_truth_is_found():
    x, y = drawn(20_000, steep)
    model = fit_calibrator(["a"], x, y)
    assert model.kind == "logistic"
    assert model.features[0].coefficient / model.features[0].scale == pytest.approx(2, abs=0.1)
    assert np.abs(model.probabilities(x) - steep(x[:, 0])).max() < 0.02
    assert model.log_loss < model.log_loss_of_mean - 0.1
    assert model.rows == 20_000


def test_another_truth_is_isotonic_and_keeps_the_order():
    x, y = drawn(20_000, shelved)
    model = fit_calibrator(["a"], x, y)
    assert model.kind == "isotonic"
    assert np.abs(model.probabilities(x) - shelved(x[:, 0])).mean() < 0.02
    ordered = model.probabilities(np.sort(x[:, 0])[:, None])
    assert (np.diff(ordered) > 0).all(), "no two rows are level that the score tells apart"


def test_a_crowded_feature_is_bent_and_keeps_the_order():
    random = np.random.default_rng(0)
    sure = random.normal(1.5, 2, 2000)
    logprob = -np.logaddexp(0, -sure)  # of an answer whose log-odds are `sure`: nearly all lie just below 0
    y = (random.random(2000) < sigmoid(sure)).astype(float)
    model = fit_calibrator(["logprob"], logprob[:, None], y)
    assert model.features[0].knots
    assert np.abs(model.probabilities(logprob[:, None]) - sigmoid(sure)).mean() < 0.03
    wide = np.concatenate((np.unique(logprob), [0.001, 1.0, 50.0]))
    assert (np.diff(model.probabilities(wide[:, None])) > 0).all(), "beyond what was seen too"


def test_a_feature_of_two_values_is_fitted():
    random = np.random.default_rng(0)
    x = random.integers(0, 2, 400)
    y = (random.random(400) < np.where(x, 0.8, 0.3)).astype(float)
    model = fit_calibrator(["cites"], x[:, None], y)
    assert [model.probability({"cites": v}) for v in (0.0, 1.0)] == pytest.approx([0.3, 0.8], abs=0.06)


@pytest.mark.parametrize("seed", range(5))
def test_few_rows_lose_little_by_the_choice(seed):
    model = fit_calibrator(["a"], *drawn(100, steep, seed))
    x = np.random.default_rng(99).normal(size=(5000, 1))
    truth, p = steep(x[:, 0]), model.probabilities(x)
    excess = truth * np.log(truth / p) + (1 - truth) * np.log((1 - truth) / (1 - p))
    assert excess.mean() < 0.06


@pytest.mark.parametrize("truth", [steep, shelved])
def test_one_row_and_many_agree(truth):
    x, y = drawn(3000, truth, features=4)
    names = ["a", "b", "c", "d"]
    model = fit_calibrator(names, x, y)
    rows = np.concatenate((x[:200], 50 * x[:200], np.zeros((1, 4))))
    one = [model.probability(dict(zip(names, row, strict=True))) for row in rows.tolist()]
    assert model.probabilities(rows) == pytest.approx(one, abs=1e-12)


def test_the_fit_is_the_least_of_its_loss():
    x, y = drawn(300, steep, features=3)
    beta = penalised_logistic(x, y, 0.01)

    def loss(b):
        linear = x @ b[:-1] + b[-1]
        return (np.logaddexp(0, linear) - y * linear).mean() + 0.005 * (b[:-1] ** 2).sum() + 5e-7 * b[-1] ** 2

    for step in 1e-3 * np.vstack((np.eye(4), -np.eye(4))):
        assert loss(beta + step) > loss(beta)


def test_models_that_step_together_are_those_that_step_alone():
    x, y = drawn(80, steep, features=3)
    ridges, weights = np.array([1.0, 0.01, 1e-4]), np.random.default_rng(2).integers(0, 3, size=(3, 80)).astype(float)
    together = penalised_logistics(x, y, ridges, weights)
    for model, ridge, weight in zip(together, ridges, weights, strict=True):
        assert model == pytest.approx(penalised_logistic(x, y, ridge, weight=weight), abs=1e-8)


def test_features_of_no_use_cost_little_of_the_order():
    lost = []
    for seed in range(12):
        x, y = drawn(60, steep, seed=seed, features=6)
        fresh, right = drawn(4000, steep, seed=100 + seed, features=6)
        model = fit_calibrator([f"f{i}" for i in range(6)], x, y)
        lost.append(auroc(fresh[:, 0], right) - auroc(model.probabilities(fresh), right))
    assert np.mean(lost) < 0.02


def test_a_weight_is_a_row_so_many_times():
    x, y = drawn(60, steep)
    weight = np.tile([1.0, 2.0, 3.0], 20)
    repeated = np.repeat(np.arange(60), weight.astype(int))
    assert penalised_logistic(x, y, 0.01, weight=weight) == pytest.approx(
        penalised_logistic(x[repeated], y[repeated], 0.01), abs=1e-8
    )


def test_a_score_counts_as_so_much_of_a_right_answer():
    x = np.tile(np.linspace(-1, 1, 20), 10)[:, None]
    parts = np.repeat(np.clip(0.5 + x / 4, 0, 1)[:20, 0], 4)
    as_rows = np.concatenate([[1] * round(4 * p) + [0] * (4 - round(4 * p)) for p in parts[::4]])
    scores = penalised_logistic(np.repeat(x[:20], 4, axis=0), np.round(4 * parts) / 4, 0.01)
    assert scores == pytest.approx(penalised_logistic(np.repeat(x[:20], 4, axis=0), as_rows, 0.01), abs=1e-6)


def test_isotonic_pools_what_falls():
    # 2 and 3 are one block of mean 1/2; each block has one row more, of the mean.
    knots = centred_isotonic(np.array([1.0, 2, 3, 4]), np.array([0.0, 1, 0, 1]))
    assert knots == ((1, 0.25), (2.5, 0.5), (4, 0.75))


def test_perfect_separation_has_a_finite_fit():
    x = np.linspace(-1, 1, 40)[:, None]
    model = fit_calibrator(["a"], x, (x[:, 0] > 0).astype(float))
    assert 0 < model.probability({"a": -1.0}) < 0.1
    assert 0.9 < model.probability({"a": 1.0}) < 1


def test_a_falling_feature_is_followed():
    x, y = drawn(200, steep)
    p = fit_calibrator(["a"], -x, y).probabilities(-np.sort(x, axis=0))
    assert (np.diff(p) > 0).all()


def test_noise_is_held_back():
    x, y = drawn(60, lambda a: sigmoid(3 * a), features=12)
    names = [f"f{i}" for i in range(12)]
    there, truth = drawn(5000, lambda a: sigmoid(3 * a), seed=9, features=12)
    model = fit_calibrator(names, x, y)
    p = model.probabilities(there)
    assert -(truth * np.log(p) + (1 - truth) * np.log1p(-p)).mean() < model.log_loss_of_mean - 0.05


def test_a_constant_feature_counts_for_nothing_and_is_listed():
    x, y = drawn(100, steep)
    model = fit_calibrator(["a", "still"], np.column_stack((x, np.full(100, 0.1 + 0.2))), y)
    assert model.constant == ("still",)
    assert model.probability({"a": 0.3, "still": 0.0}) == model.probability({"a": 0.3, "still": 9.0})
    alone = fit_calibrator(["a"], x, y)
    assert model.probability({"a": 0.3, "still": 0.0}) == pytest.approx(alone.probability({"a": 0.3}), abs=1e-9)


def test_out_of_fold_is_less_sure_of_noise():
    random = np.random.default_rng(2)
    x, y = random.normal(size=(80, 15)), random.integers(0, 2, 80).astype(float)
    names = [f"f{i}" for i in range(15)]
    inside, outside = fit_calibrator(names, x, y).probabilities(x), cross_fitted(names, x, y)
    assert ((inside - y) ** 2).mean() < ((outside - y) ** 2).mean()
    assert outside.shape == (80,)


def test_out_of_fold_says_the_same_in_any_order():
    x, y = drawn(120, steep, features=2)
    order = np.random.default_rng(3).permutation(120)
    assert cross_fitted(["a", "b"], x, y)[order].tolist() == cross_fitted(["a", "b"], x[order], y[order]).tolist()


def test_tens_of_thousands_of_rows_are_fitted_in_seconds():
    """A hundred thousand: benchmarks/calibration_speed."""
    random = np.random.default_rng(1)
    x = random.normal(size=(30_000, 20))
    y = (random.random(30_000) < sigmoid(x @ random.normal(size=20) / 2)).astype(float)
    started = time.thread_time()
    fit_calibrator([f"f{i}" for i in range(20)], x, y)
    assert time.thread_time() - started < 30


def test_a_row_is_judged_at_once():
    x, y = drawn(3000, shelved, features=20)
    model = fit_calibrator([f"f{i}" for i in range(20)], x, y)
    row = dict(zip(model.names, x[0].tolist(), strict=True))
    times = []
    for _ in range(200):
        started = time.perf_counter()
        model.probability(row)
        times.append(time.perf_counter() - started)
    assert min(times) < 5e-5


def refused(names, x, y):
    with pytest.raises(InvalidRequest) as caught:
        fit_calibrator(names, x, y)
    assert caught.value.hint
    return caught.value


def test_what_cannot_be_fitted_says_what_to_do():
    x, y = drawn(40, steep, features=2)
    names = ["a", "b"]
    assert "at least 20" in str(refused(names, x[:19], y[:19]))
    assert refused(names, x[:19], y[:19]).param == "outcomes"
    assert "every outcome is 1" in str(refused(names, x, np.ones(40)))
    assert "no feature varies: a, b" in str(refused(names, np.ones((40, 2)), y))
    assert refused(["a", "a"], x, y).param == "a"
    assert refused(["a"], x, y).param == "features"
    assert refused(names, x, y[:30]).param == "features"


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_named_with_its_row(value):
    x, y = drawn(40, steep, features=2)
    x[17, 1] = value
    error = refused(["a", "b"], x, y)
    assert (error.param, "row 17" in str(error)) == ("b", True)
    with pytest.raises(InvalidRequest, match="row 17"):
        cross_fitted(["a", "b"], x, y)


@pytest.mark.parametrize("value", [np.nan, -0.1, 1.1])
def test_an_outcome_is_from_nothing_to_one(value):
    x, y = drawn(40, steep)
    y[5] = value
    error = refused(["a"], x, y)
    assert (error.param, "row 5" in str(error)) == ("outcomes", True)


def test_folds_have_rows():
    with pytest.raises(InvalidRequest, match="1 folds"):
        cross_fitted(["a"], *drawn(40, steep), folds=1)


def test_a_row_of_other_features_is_an_error():
    model = fit_calibrator(["a", "b"], *drawn(100, steep, features=2))
    for row, match in (
        ({"a": 1.0}, r"missing \['b'\]"),
        ({"a": 1.0, "b": 1.0, "c": 1.0}, r"unknown \['c'\]"),
        ({"a": 1.0, "b": np.nan}, "feature b is nan"),
    ):
        with pytest.raises(ValueError, match=match):
            model.probability(row)
    for rows, match in (([[1.0]], "for 2 features"), ([[0.0, 0.0], [1.0, np.inf]], "b is inf in row 1")):
        with pytest.raises(ValueError, match=match):
            model.probabilities(rows)


@pytest.mark.parametrize("truth", [steep, shelved])
def test_it_is_written_and_read_back(truth):
    x, y = drawn(5000, truth)
    model = fit_calibrator(["a"], x, y)
    read = msgspec.json.decode(msgspec.json.encode(model), type=Calibrator)
    assert read == model
    assert read.probabilities(x).tolist() == model.probabilities(x).tolist()


@pytest.mark.parametrize(
    "change",
    [
        {"features": []},
        {"intercept": float("nan")},
        {"kind": "isotonic"},
        {"knots": [[0, 0.1], [1, 0.2]]},
        {"kind": "isotonic", "knots": [[1, 0.1], [0, 0.2]]},
        {"kind": "isotonic", "knots": [[0, 0.3], [1, 0.2]]},
        {"kind": "isotonic", "knots": [[0, -0.3], [1, 0.2]]},
        {"features": [{"name": "a", "mean": 0, "scale": 1, "coefficient": 1}] * 2},
        {"features": [{"name": "a", "mean": 0, "scale": 1, "coefficient": 1, "knots": [[1, 0], [0, 1]]}]},
    ],
)
def test_weights_that_do_not_fit_together_are_refused(change):
    weights = {"features": [{"name": "a", "mean": 0, "scale": 1, "coefficient": 1}], "intercept": 0.0}
    assert msgspec.convert(weights, Calibrator).probability({"a": 0.0}) == 0.5
    with pytest.raises(ValueError, match=r"weights|Expected"):
        msgspec.convert(weights | change, Calibrator)
