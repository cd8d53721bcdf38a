"""Records as arrays, checked: what fitting, certifying and judging a policy work on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from palier.errors import InvalidRequest
from palier.routing.bounds import Floats
from palier.routing.records import Record, TierRecord, check_together

QUESTION = "question"
"""The signal that a question's vector gives: the log-odds of its model."""


@dataclass(frozen=True, slots=True)
class Signals:
    """The features of one tier: `matrix` (m, k) with columns `names`, for the `rows` (m,) where there are any."""

    names: tuple[str, ...]
    matrix: Floats
    rows: NDArray[np.intp]

    def among(self, chosen: NDArray[np.bool_]) -> Signals:
        """Those of the rows that are `chosen` (n,), numbered as before."""
        here = chosen[self.rows]
        return replace(self, matrix=self.matrix[here], rows=self.rows[here])

    def only(self, name: str) -> Signals:
        """With one of the columns alone."""
        return replace(self, names=(name,), matrix=self.matrix[:, [self.names.index(name)]])

    def joined(self, name: str, column: Floats) -> Signals:
        """With one more column, given for all (n,) rows."""
        return replace(self, names=(*self.names, name), matrix=np.column_stack((self.matrix, column[self.rows])))


@dataclass(frozen=True, slots=True)
class Table:
    """Records of one set. Losses (n, N) are NaN where nobody judged; costs (n, N) where they are unknown.

    `signals` are those of the tiers below the top. `present` (n, N): the tier was not skipped.
    """

    ids: tuple[str, ...]
    tiers: tuple[str, ...]
    signals: tuple[Signals, ...]
    losses: Floats
    costs: Floats
    present: NDArray[np.bool_]
    segments: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def below(self) -> int:
        """How many tiers there are below the top."""
        return len(self.tiers) - 1


def tabulate(records: Sequence[Record]) -> Table:
    """Records that belong together as arrays. Raises `InvalidRequest` naming the record and the field."""
    check_together(records)
    tiers = records[0].named
    if len(tiers) < 2:
        raise InvalidRequest(
            f"the records have one tier, {tiers[0]}: there is nothing to decide",
            hint="a tier to keep on, and one to climb to",
            param="tiers",
        )
    columns = list(zip(*(record.tiers for record in records), strict=True))
    return Table(
        ids=tuple(record.id for record in records),
        tiers=tiers,
        signals=tuple(_signals(records, column) for column in columns[:-1]),
        losses=_numbers(columns, "loss"),
        costs=_numbers(columns, "cost"),
        present=np.array([[not tier.skipped for tier in record.tiers] for record in records], dtype=bool),
        segments=tuple(record.segment for record in records),
    )


def _numbers(columns: Sequence[Sequence[TierRecord]], name: str) -> Floats:
    values = [[getattr(tier, name) for tier in column] for column in columns]
    return np.array([[np.nan if v is None else v for v in column] for column in values], dtype=np.float64).T


def _signals(records: Sequence[Record], column: Sequence[TierRecord]) -> Signals:
    """A tier's features, where it has some: every record that has any must have the same."""
    rows = [row for row, tier in enumerate(column) if tier.features and not tier.skipped]
    if not rows:
        raise InvalidRequest(
            f"tier `{column[0].name}` has no features in any record",
            hint='what its confidence is made of: {"features": {"logprob": -0.2}}',
            param="features",
        )
    names = sorted(column[rows[0]].features)
    if QUESTION in names:
        raise InvalidRequest(
            f"tier `{column[0].name}` has a feature `{QUESTION}`: that name is for what a policy makes of the text",
            hint="give it another name",
            param="features",
        )
    known = set(names)
    for row in rows:
        if (found := column[row].features.keys()) != known:
            odd = sorted(found ^ known)
            raise InvalidRequest(
                f"record `{records[row].id}`, tier `{column[row].name}`: feature `{odd[0]}` is"
                f" {'missing' if odd[0] in known else 'there, and in the first record it is not'}",
                hint="every record has the same features of a tier, or none",
                param="features",
            )
    matrix = np.array([[column[row].features[name] for name in names] for row in rows], dtype=np.float64)
    return Signals(tuple(names), matrix, np.array(rows, dtype=np.intp))
