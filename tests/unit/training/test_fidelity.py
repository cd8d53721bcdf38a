"""How far two engines are apart: figures of what one wrote and the other read."""

from __future__ import annotations

import pytest

from palier.models.engine_tokens import Written
from palier.training import fidelity


def test_differences_are_of_tokens_that_both_tell_of() -> None:
    written = [
        Written(tokens=(5, 6), logprobs=(-1.0, None)),
        Written(tokens=(7, 8), logprobs=(-0.5, -2.0)),
        Written(tokens=(9,), logprobs=(-0.1,)),
    ]
    judged = [([-1.5, -9.0], [5, 6]), ([-0.5, -1.0], [7, 3]), ([-0.1], [9])]
    found = fidelity.agreement(written, judged)
    assert found.tokens == 5
    assert found.mean_difference == pytest.approx(1.5 / 4)
    assert found.most == 1.0
    assert found.same_token == pytest.approx(4 / 5)
    assert found.same_answer == pytest.approx(2 / 3, abs=1e-4)
    assert found.low is not None
    assert found.high is not None
    assert found.low <= found.mean_difference <= found.high


def test_the_same_is_no_difference() -> None:
    written = [Written(tokens=(5,), logprobs=(-1.0,))] * 3
    found = fidelity.agreement(written, [([-1.0], [5])] * 3)
    assert (found.mean_difference, found.same_token, found.same_answer, found.most) == (0.0, 1.0, 1.0, 0.0)
    assert found.low is None
