"""Records to a policy: which rows fit and which certify, what is refused, and what must make no difference."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.judged import records, rows

from palier.errors import InvalidRequest
from palier.routing.fitting import Aim, Fitted, fit
from palier.routing.table import Table, tabulate

AIM = Aim(0.2, 0.9)


def table(trees: list[dict[str, Any]]) -> Table:
    return tabulate(records(trees))


def kept_ids(fitted: Fitted, of: Table) -> set[str]:
    assert fitted.certificate is not None
    served = fitted.served(fitted.certificate.threshold)
    return {name for name, tier in zip(of.ids, served, strict=True) if tier < of.below}


def refused(trees: list[dict[str, Any]], aim: Aim = AIM) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        fit(table(trees), aim)
    assert caught.value.hint
    return caught.value


def with_feature(trees: list[dict[str, Any]], **change: Any) -> list[dict[str, Any]]:
    """The same with features of the first tier as functions of the old ones."""
    found = []
    for tree in trees:
        first, *others = tree["tiers"]
        features = {name: make(first["features"]) for name, make in change.items()}
        found.append({**tree, "tiers": [{**first, "features": {**first["features"], **features}}, *others]})
    return found


def test_a_single_signal_lets_every_row_certify() -> None:
    of = table(rows(300))
    fitted = fit(of, AIM)
    assert fitted.certified.all()
    assert fitted.certificate is not None
    assert (fitted.certificate.rows, fitted.binary) == (300, True)
    assert all(tier.truer is None for tier in fitted.tiers(of))
    # A feature that never varies changes nothing of it.
    still = fit(table(with_feature(rows(300), still=lambda _: 3.0)), AIM)
    assert still.certified.all()
    assert kept_ids(still, of) == kept_ids(fitted, of)


def test_several_signals_are_fitted_on_rows_that_do_not_certify() -> None:
    of = table(rows(400, signals=3))
    fitted = fit(of, AIM)
    assert 60 <= (~fitted.certified).sum() <= 200
    assert fitted.calibrators[0].rows == (~fitted.certified).sum()
    assert fitted.certificate is not None
    assert fitted.certificate.rows == fitted.certified.sum()


def test_which_rows_fit_depends_on_ids_alone() -> None:
    trees = rows(400, signals=2)
    before = fit(table(trees), AIM).certified
    others = [
        {**tree, "tiers": other["tiers"]} for tree, other in zip(trees, rows(400, seed=1, signals=2), strict=True)
    ]
    assert (fit(table(others), AIM).certified == before).all()
    renamed = [{**tree, "id": f"x{tree['id']}"} for tree in trees]
    assert (fit(table(renamed), AIM).certified != before).any()


@pytest.mark.parametrize("signals", [1, 3])
@pytest.mark.parametrize("tiers", [2, 3])
def test_the_order_of_the_rows_is_nothing(signals: int, tiers: int) -> None:
    trees = rows(300, signals=signals, tiers=tiers)
    shuffled = [trees[i] for i in np.random.default_rng(5).permutation(300)]
    here, there = table(trees), table(shuffled)
    one, other = fit(here, AIM), fit(there, AIM)
    assert one.certificate is not None
    assert one.certificate == other.certificate
    assert one.calibrators == other.calibrators
    assert kept_ids(one, here) == kept_ids(other, there)


@pytest.mark.parametrize("signals", [1, 2])
def test_unit_and_zero_of_a_signal_are_nothing(signals: int) -> None:
    trees = rows(300, signals=signals)
    here, there = table(trees), table(with_feature(trees, sure=lambda f: 1024 * f["sure"] + 7))
    one, other = fit(here, AIM), fit(there, AIM)
    assert one.certificate is not None
    assert other.certificate is not None
    assert kept_ids(one, here) == kept_ids(other, there)
    assert one.certificate.risk == other.certificate.risk


def test_a_signal_of_the_wrong_sign_is_refused_and_not_turned_round() -> None:
    error = refused(with_feature(rows(300), sure=lambda f: -f["sure"]))
    assert "signal `sure` of tier `t1` is higher where the answers are wrong" in str(error)
    assert error.param == "features"


def test_one_class_is_refused_by_tier() -> None:
    for right, word in ((True, "right"), (False, "wrong")):
        trees = rows(100)
        for tree in trees:
            tree["tiers"][0]["correct"] = right
        error = refused(trees)
        assert f"tier `t1` is {word} in every record" in str(error)
        assert error.param == "correct"


def test_constant_features_are_refused() -> None:
    error = refused(with_feature(rows(100), sure=lambda _: 0.5))
    assert ("no feature varies: sure" in str(error), error.param) == (True, "features")


def test_ten_rows_are_too_few() -> None:
    assert "10 records are too few" in str(refused(rows(10)))
    assert "10 records are too few" in str(refused(rows(10, signals=3)))
    assert "too few" in str(refused(rows(25, signals=2))), "the half that may fit has fewer than 20"


def test_an_answer_that_nobody_judged_is_named() -> None:
    trees = rows(100)
    del trees[3]["tiers"][0]["correct"]
    assert "record `q0-3`: nobody judged the answer of tier `t1`" in str(refused(trees))
    trees = rows(100)
    del trees[3]["tiers"][1]["correct"]
    assert "tier `t2`" in str(refused(trees, Aim(0.1, 0.9, "total")))
    fit(table(trees), AIM)  # of what is kept the top's label is no matter
    trees[3]["tiers"][0] = {"name": "t1", "skipped": True}
    fit(table(trees), AIM)


def test_a_scored_top_does_not_weaken_the_bound_of_what_is_kept() -> None:
    """Only losses of what may be kept count for `kept`: where those are 0 or 1 the test stays the exact one."""
    trees = rows(300)
    exact = fit(table(trees), AIM)
    for tree in trees:
        tree["tiers"][1] = {"name": "t2", "score": 0.5, "cost": 10}
    scored = fit(table(trees), AIM)
    assert scored.binary
    assert scored.certificate == exact.certificate


@pytest.mark.parametrize("target", ["kept", "regret", "total"])
def test_rows_that_a_tier_never_keeps(target: str) -> None:
    trees = rows(300)
    for tree in trees[:60]:
        tree["tiers"][0].pop("features")
    for tree in trees[60:90]:
        tree["tiers"][0] = {"name": "t1", "skipped": True}
    of = table(trees)
    fitted = fit(of, Aim(0.2, 0.9, target))  # type: ignore[arg-type]
    assert fitted.certificate is not None
    assert not kept_ids(fitted, of) & set(of.ids[:90])
    assert fitted.certificate.rows == 300


def test_where_the_top_may_not_be_asked_its_place_is_an_abstention() -> None:
    trees = rows(300)
    for tree in trees:
        tree["tiers"][1] = {"name": "t2", "skipped": True}
    losses = [fit(table(trees), Aim(0.3, 0.9, "total", loss)) for loss in (0.0, 1.0)]
    assert [fitted.judged.above.mean() for fitted in losses] == [0.0, 1.0]
    assert losses[0].certificate is not None
    assert losses[1].certificate is None or losses[1].certificate.kept > losses[0].certificate.kept


@pytest.mark.parametrize(
    ("given", "param"),
    [((0.0, 0.9), "risk"), ((1.0, 0.9), "risk"), ((float("nan"), 0.9), "risk"), ((0.1, 1.0), "confidence"),
     ((0.1, 0.4), "confidence"), ((0.1, 0.9, "total", 1.5), "abstain_loss")],
)  # fmt: skip
def test_what_is_asked_for_must_make_sense(given: tuple[Any, ...], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        Aim(*given)
    assert caught.value.param == param


@pytest.mark.parametrize(("signals", "tiers"), [(1, 2), (3, 2), (2, 3), (1, 3)])
def test_the_tiers_of_the_policy_keep_what_was_certified(signals: int, tiers: int) -> None:
    """By the gateway's own decision, one record at a time."""
    from palier.routing.cascade import decide

    trees = rows(300, signals=signals, tiers=tiers)
    of = table(trees)
    fitted = fit(of, AIM)
    assert fitted.certificate is not None
    policy = fitted.tiers(of)
    served = []
    for record in records(trees):
        stays = (
            j for j, (tier, rule) in enumerate(zip(record.tiers, policy, strict=True))
            if decide(rule.probability(tier.features), rule.threshold).action == "stay"
        )  # fmt: skip
        served.append(next(stays))
    assert served == fitted.served(fitted.certificate.threshold).tolist()
    assert [tier.name for tier in policy] == list(of.tiers)
    assert policy[-1].threshold == 0
