"""How confidential a text is."""

from __future__ import annotations

import enum


class Label(enum.StrEnum):
    """How confidential a text is, ordered: public < internal < confidential < restricted."""

    PUBLIC = "public"
    INTERNAL = "internal"
    CONFIDENTIAL = "confidential"
    RESTRICTED = "restricted"

    rank: int
    """Position in the order, 0 (public) to 3 (restricted)."""

    def allows(self, other: Label) -> bool:
        """Whether a destination whose highest label is `self` may receive a text labelled `other`."""
        return other.rank <= self.rank

    @staticmethod
    def highest(*labels: Label) -> Label:
        """The most restrictive of `labels`; public when there is none."""
        best = Label.PUBLIC
        for label in labels:
            best = label if label.rank > best.rank else best
        return best


for _rank, _label in enumerate(Label):
    _label.rank = _rank
