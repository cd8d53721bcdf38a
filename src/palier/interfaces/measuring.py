"""What a metric is: how good an answer is, case by case, so that any share of the cases can be put together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol

from palier.cases import Case, Outcome, Suite

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
else:  # numpy is a quarter of the time that a command takes to start
    Floats = Any


class Metric(Protocol):
    """A figure of a set of cases, from sums over them: a mean, or one of a whole corpus such as BLEU or macro-F1.

    Resampling needs no more than that: the figure of any draw of cases is `combine` of the sum of their statistics.
    Built by `build(suite)` of the module that `registry.METRICS` names; heavy libraries are imported there.
    """

    name: str
    kind: Literal["proportion", "mean", "corpus"]
    """`proportion`: every case is 0 or 1, and the interval is Wilson's; else it is BCa's."""
    better: Literal["higher", "lower"]
    low: float
    high: float
    """The range of the figure; `high` may be infinite."""

    def statistics(self, case: Case, outcome: Outcome) -> Sequence[float] | None:
        """Of one case, always of one length; None where it says nothing of this case (no reference, no `relevant`).

        A failed or abstained outcome has an empty output, and is measured like any other: it counts as wrong.
        """
        ...

    def combine(self, sums: Floats) -> Floats:
        """The figure of each row of `sums` (..., k), NaN where it is not defined; shape (...)."""
        ...


class Builder(Protocol):
    """What `registry.find("metrics", name)` gives."""

    def __call__(self, suite: Suite) -> Metric:
        """Raises `MissingExtra` naming the install command, `ConfigurationError` where the suite does not fit it."""
        ...
