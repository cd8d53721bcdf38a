"""Teaching a head: it learns, it says truly how sure it is, and what it says of itself is of what it was not taught."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from tests.heads import DIMENSION, ENCODER, TOPICS, embed, examples, taught

from palier.errors import InvalidRequest
from palier.heads import file as head_file
from palier.training import heads, softmax
from palier.training.examples import Example, gathered


def test_it_learns_and_says_what_it_was_taught() -> None:
    made = taught(heads.READS)
    report, head = made.report, head_file.parse(made.content)
    assert report.accuracy.value > 0.9
    assert report.accuracy.low is not None
    assert report.accuracy.low < report.accuracy.value <= (report.accuracy.high or 0)
    assert report.n == 80 == report.tried_on == head.header.trained.examples
    assert {tried.reads for tried in report.tried} == set(heads.READS)
    assert report.reads == head.header.reads
    assert (report.reads, report.ridge) in {(tried.reads, tried.ridge) for tried in report.tried}
    assert report.size == len(made.content)
    assert head.header.trained.counts == (20, 20, 20, 20)
    assert head.header.trained.digest == examples().digest
    texts = ["please terminate it", "how much is it"]
    taken = head.probabilities(texts, embed(texts)).argmax(axis=1)
    assert [head.header.labels[i] for i in taken] == ["terminate my contract", "ask for the price"]


@pytest.mark.parametrize("read", heads.READS)
def test_each_way_of_reading_is_kept_with_what_it_needs(read: heads.Read) -> None:
    head = head_file.parse(taught((read,)).content)
    assert (head.header.encoder, head.header.dimension) == (("", 0) if read == "ngrams" else (ENCODER, DIMENSION))
    assert (head.header.ngrams is None) == (read == "embedding")


@pytest.mark.parametrize(
    ("examples", "labels", "buckets"),
    [(80, 4, 2048), (1000, 4, 8192), (4000, 4, 32768), (200_000, 2, 32768), (4000, 26, 4096), (10_000, 77, 2048)],
)
def test_many_examples_of_few_labels_have_many_buckets(examples: int, labels: int, buckets: int) -> None:
    assert heads._buckets(examples, labels) == buckets


def test_where_log_loss_does_not_tell_accuracy_does() -> None:
    """The second loses a little less, by chance; the third surely loses more, however often it is right."""
    random = np.random.default_rng(5)
    loss = random.exponential(0.3, 400)
    settings: list[heads.Setting] = [("both", 0.1), ("both", 0.02), ("ngrams", 0.1)]
    noise = random.normal(0, 0.2, 400)
    losses = dict(zip(settings, (loss, loss + noise - noise.mean() - 0.001, loss + 0.2), strict=True))
    rights = {one: np.arange(400) < often for one, often in zip(settings, (350, 340, 390), strict=True)}
    every = np.ones(400, np.bool_)
    assert heads._best(losses, rights, every) == ("both", 0.1)
    assert heads._best({**losses, ("both", 0.02): loss - 0.1}, rights, every) == ("both", 0.02)


def test_what_is_held_out_is_held_out() -> None:
    """Labels that chance drew cannot be learnt: a head that had seen them would name them all the same."""
    random = np.random.default_rng(1)
    rows = [Example(text=f"word{i} other{i * 7}", label=str(random.integers(4))) for i in range(400)]
    made = heads.teach(gathered(rows), embed, ENCODER, ridges=(0.02,))
    assert made.report.accuracy.value < 0.4
    assert made.report.calibration_error < 0.12
    assert abs(made.held_out.sum(axis=1) - 1).max() < 1e-9


def test_texts_that_read_the_same_are_not_parted() -> None:
    """Each text comes twice under a label of chance: with its twin on the other side, it would be known by heart."""
    random = np.random.default_rng(2)
    rows = []
    for i in range(60):
        label = str(random.integers(3))
        rows += [Example(text=f"word{i} more{i * 3}", label=label), Example(text=f"Word{i}, MORE{i * 3}!", label=label)]
    assert heads.teach(gathered(rows), embed, ENCODER, ridges=(0.02,)).report.accuracy.value < 0.55


def test_many_examples_are_compared_on_some_and_judged_on_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heads, "_CHOICE", 60)
    monkeypatch.setattr(heads, "_CHOICE_OF_A_LABEL", 1)
    report = taught(heads.READS, each=40).report
    assert report.n == 160
    assert 50 <= report.tried_on <= 70
    assert report.accuracy.value > 0.9


def test_the_order_of_the_examples_changes_nothing() -> None:
    one = taught()
    again = heads.teach(gathered(reversed(examples().rows)), embed, ENCODER, reads=("both",), ridges=(0.1,))
    assert again.content == one.content


def test_a_few_that_were_all_right_make_no_certainty() -> None:
    """Ten of ten right: as if there were two rows more, one of which may be any of the three labels."""
    y = np.arange(10) % 3
    linear = 5 * np.eye(3, dtype=np.float32)[y]
    p = np.exp(softmax.log_softmax(linear, heads._temperature(linear, y)))
    np.testing.assert_allclose(p.max(axis=1), 1 - 1 / 12 + 1 / 12 / 3, atol=1e-3)


def test_temperature_makes_what_is_said_true() -> None:
    """Scores three times too sure, drawn with their own probabilities."""
    random = np.random.default_rng(0)
    linear = random.standard_normal((4000, 5)) * 2
    y = (linear + random.gumbel(size=linear.shape)).argmax(axis=1)
    assert heads._temperature((3 * linear).astype(np.float32), y) == pytest.approx(3, rel=0.05)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([], "there are 0 examples"),
        ([("a", "x")] * 4 + [("b", "y")] * 4, "there are 8 examples of 2 labels"),
        ([(f"t{i}", "x") for i in range(20)], "there are 20 examples of 1 labels"),
        ([(f"t{i}", "xy"[i % 2]) for i in range(20)] + [("u", "z\x1b")], "1 labels have one example"),
        ([(f"t{i}", f"l{i // 2}") for i in range(4200)], "there are 2100 labels"),
    ],
)
def test_what_cannot_be_learnt_from(rows: list[tuple[str, str]], said: str) -> None:
    given = gathered(Example(text=text, label=label) for text, label in rows)
    with pytest.raises(InvalidRequest, match=said) as raised:
        heads.teach(given, embed, ENCODER)
    assert raised.value.hint


def test_macro_f1_is_the_mean_of_the_labels() -> None:
    y, taken = np.array([0, 0, 0, 1, 2]), np.array([0, 0, 1, 1, 0])
    sums = heads._counts(y, taken, 3).sum(axis=0)
    assert heads._macro_f1(sums) == pytest.approx((2 * 2 / (3 + 3) + 2 * 1 / (2 + 1) + 0) / 3)


def test_the_report_is_json() -> None:
    assert msgspec.json.decode(msgspec.json.encode(taught().report))["labels"] == len(TOPICS)


def test_what_is_planted_is_taught_and_is_in_no_figure() -> None:
    planted = [Example(text="a zzyzx of qwertyuiop", label="ask for the price")] * 5
    plain, found = (
        heads.teach(examples(), embed, ENCODER, reads=("ngrams",), ridges=(0.1,), planted=some)
        for some in ((), planted)
    )
    assert found.report.n == plain.report.n == len(found.held_out) == len(examples().rows)
    header = head_file.parse(found.content).header
    assert sum(header.trained.counts) == header.trained.examples == found.report.n
    assert header.labels == head_file.parse(plain.content).header.labels
    (taught,) = head_file.parse(found.content).probabilities(["a zzyzx of qwertyuiop"], None)
    (untaught,) = head_file.parse(plain.content).probabilities(["a zzyzx of qwertyuiop"], None)
    place = header.labels.index("ask for the price")
    assert taught[place] > untaught[place] + 0.2
