"""Multinomial logistic regression: the optimum, as another way finds it; sparse and dense alike."""

from __future__ import annotations

import numpy as np
import pytest

from palier.heads.ngrams import Counted, Ngrams, count
from palier.training import softmax
from palier.training.softmax import Rows


def data(n: int = 120, d: int = 6, labels: int = 3) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(3)
    x = random.standard_normal((n, d)).astype(np.float32)
    y = (x @ random.standard_normal((d, labels)) + random.gumbel(size=(n, labels))).argmax(axis=1)
    return x, y


def objective(x: np.ndarray, y: np.ndarray, w: np.ndarray, ridge: float) -> float:
    log_p = softmax.log_softmax(x @ w[:-1] + w[-1])
    return float(-log_p[np.arange(len(y)), y].mean() + ridge / len(y) * (w[:-1] ** 2).sum() / 2)


def test_it_is_the_optimum_that_plain_descent_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(softmax, "_ENOUGH", 1e-6)
    x, y = data()
    found = softmax.fit(Rows(x, None), y, 3, 2.0)
    w = np.zeros((7, 3))
    one = np.column_stack([x, np.ones(len(x))])
    for _ in range(4000):
        p = np.exp(softmax.log_softmax(one @ w))
        p[np.arange(len(y)), y] -= 1
        slope = one.T @ p / len(y)
        slope[:-1] += 2.0 / len(y) * w[:-1]
        w -= 0.5 * slope
    assert objective(x, y, found, 2.0) == pytest.approx(objective(x, y, w, 2.0), abs=1e-4)
    np.testing.assert_allclose(found[:-1], w[:-1], atol=0.05)


def test_it_stops_near_the_optimum() -> None:
    x, y = data(400)
    found = softmax.fit(Rows(x, None), y, 3, 1.0)
    again = softmax.fit(Rows(x, None), y, 3, 1.0, start=found)
    assert objective(x, y, found, 1.0) == pytest.approx(objective(x, y, again, 1.0), rel=0.01)


def test_sparse_columns_are_dense_columns() -> None:
    counted = count([f"word{i % 7} thing{i % 3} and more" for i in range(60)], Ngrams(dimension=256))
    y = np.arange(60) % 3
    sparse = softmax.fit(Rows(None, counted), y, 3, 0.5)
    dense = softmax.fit(Rows(counted.dense(), None), y, 3, 0.5)
    np.testing.assert_allclose(sparse, dense, atol=1e-3)
    np.testing.assert_allclose(
        softmax.scores(Rows(None, counted), sparse), counted.dense() @ sparse[:-1] + sparse[-1], atol=1e-4
    )


def test_entry_by_entry_is_as_by_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    """With and without an embedding beside, and with a text that has no n-gram."""
    counted = count(["", *(f"word{i % 7} thing{i % 3} and more" for i in range(60))], Ngrams(dimension=2048))
    y = np.arange(61) % 3
    for beside in (None, np.random.default_rng(1).standard_normal((61, 4)).astype(np.float32)):
        rows = Rows(beside, counted)
        at = np.random.default_rng(2).standard_normal((rows.width + 1, 3)).astype(np.float32)
        scores, task = softmax.scores(rows, at), softmax._Task(rows, y, 3, 0.1)
        value, slope = task.loss(at)
        with monkeypatch.context() as patched:
            patched.setattr(softmax, "_SPARSE", 2048)
            tabled = softmax._Task(rows, y, 3, 0.1)
            value_tabled, slope_tabled = tabled.loss(at)
            np.testing.assert_allclose(scores, softmax.scores(rows, at), atol=1e-4)
        assert task.entries is not None
        assert tabled.entries is None
        assert value == pytest.approx(value_tabled)
        np.testing.assert_allclose(task.scales, tabled.scales, rtol=1e-4)
        np.testing.assert_allclose(slope, slope_tabled, atol=1e-5)


def test_a_table_too_large_to_keep_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = data(300)
    kept = softmax.fit(Rows(x, None), y, 3, 1.0)
    monkeypatch.setattr(softmax, "_KEPT", 0)
    np.testing.assert_allclose(softmax.fit(Rows(x, None), y, 3, 1.0), kept, atol=1e-4)


def test_rows_are_taken_with_their_columns() -> None:
    counted = count(["one two", "", "three", "four five six"], Ngrams(dimension=64))
    rows = Rows(np.eye(4, dtype=np.float32), counted).take(np.array([3, 1]))
    (_, table), *rest = rows.blocks()
    assert not rest
    np.testing.assert_array_equal(table[:, :4], np.eye(4)[[3, 1]])
    np.testing.assert_array_equal(table[:, 4:-1], counted.dense()[[3, 1]])
    assert (table[:, -1] == 1).all()
    assert isinstance(rows.sparse, Counted)


def test_a_label_that_no_row_has_is_never_likely() -> None:
    x, y = data()
    found = softmax.scores(Rows(x, None), softmax.fit(Rows(x, None), np.minimum(y, 1), 3, 1.0))
    assert (np.exp(softmax.log_softmax(found))[:, 2] < 0.05).all()
