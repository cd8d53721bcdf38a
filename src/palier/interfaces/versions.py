"""Which versions there are, which answers, and how often a holdout was looked at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from palier.types import JSON, Label
from palier.versions import (
    Calibration,
    Happened,
    Holdout,
    Labelled,
    Relabelled,
    Shadowed,
    Spent,
    Standing,
    State,
    Version,
)


class Versions(Protocol):
    """The registry of what was taught. Every change is whole, and durable when it returns."""

    async def add(self, version: Version, sources: Sequence[tuple[str, str]] = (), lessons: Sequence[str] = ()) -> None:
        """Keep a version, as `made`, that was taught by `lessons` (ids), which stand on `sources` (collection,
        document). Raises `InvalidRequest` where its id is known."""
        ...

    async def tell(self, id: str, sources: Sequence[tuple[str, str]], lessons: Sequence[str]) -> None:
        """Keep of a version that it was taught by these, too: it is not `untold` any more. Raises `NotFound`."""
        ...

    async def get(self, id: str) -> Version | None: ...

    async def list(self, route: str = "", limit: int = 100) -> Sequence[Version]:
        """The newest first."""
        ...

    async def sources(self) -> Sequence[tuple[str, str]]:
        """The documents (collection, id) that any version was taught on."""
        ...

    async def lessons(self, id: str) -> frozenset[str] | None:
        """By which lessons (ids) a version was taught; None where that is not known."""
        ...

    async def raise_to(self, documents: Sequence[Labelled] = (), lessons: Sequence[Relabelled] = ()) -> Sequence[str]:
        """Have what was taught on `documents` and by `lessons` carry what they carry now: `get` and `list` give it so
        from then on.

        The versions that changed: of what is no more confidential than before, none does.
        """
        ...

    async def lowest(self) -> Label | None:
        """The least confidential of what any version carries that knows its lessons; None where there is none."""
        ...

    async def calibrate(self, calibration: Calibration) -> None:
        """Keep what came of certifying a version, in the place of what was kept before: `get` and `list` give it with
        that policy from then on. Raises `NotFound`, and `InvalidRequest` for one that has passed the gate with a
        policy: that does not change any more."""
        ...

    async def calibration(self, id: str) -> Calibration | None:
        """What came of certifying a version last; None where that was not tried."""
        ...

    async def state(self, id: str) -> State | None:
        """What became of a version; None of one that is not known."""
        ...

    async def history(self, route: str, version: str = "") -> Sequence[Happened]:
        """All that happened to the versions of a route, or to one of them, the first first."""
        ...

    async def standing(self, route: str) -> Standing:
        """Which of its versions count now."""
        ...

    async def judged(self, route: str, holdout: Holdout, version: str, basis: str = "") -> Spent:
        """Count that the holdout judges this version, and give what it was used for besides.

        To be called before it is looked at: a run that is killed has used it all the same. The same version counts once
        by the same cases on the same `basis`, which names all else that its figures depend on. A holdout of whose cases
        half or more are known from another is that one, edited: what either judged counts for both, and its error stays
        shared as it was at the first use. Where it joins several, the smallest share holds for all.
        """
        ...

    async def refuse(self, id: str, ruling: JSON, *, who: str = "", why: str = "") -> None:
        """The gate did not let it pass. Raises `NotFound`."""
        ...

    async def shadow(self, id: str, ruling: JSON, *, who: str = "", why: str = "") -> None:
        """It passed, and answers beside the live one from now on. Raises `NotFound`."""
        ...

    async def promote(self, id: str, *, best: bool, who: str = "", why: str = "") -> Standing:
        """It answers from now on; `best`: challengers are held against it. What was live is retired, and previous.

        Raises `NotFound`, and `InvalidRequest` for one that the gate refused or did not see, or that was `returned`.
        """
        ...

    async def roll_back(self, route: str, *, who: str = "", why: str = "", returned: bool = False) -> Standing:
        """What was live before answers again, but never one that was `returned` meanwhile: then what was before that.

        `returned`: what is live did not keep what it promised. Raises `InvalidRequest` where nothing was promoted.
        """
        ...

    async def shadowing(self, route: str) -> str:
        """The version that answers beside: of those in shadow, the one that passed last; empty where there is none."""
        ...


class Shadows(Protocol):
    """What versions in shadow said."""

    async def keep(self, shadowed: Shadowed) -> bool:
        """Keep it with its words. False, and nothing is kept, where its request is not there or was forgotten.

        Of each version the newest are kept, as many as the store says.
        """
        ...

    async def list(
        self, version: str, *, before: float | None = None, before_id: str = "", limit: int = 200, words: bool = False
    ) -> Sequence[Shadowed]:
        """Newest first, of one time by request downwards, with words where they are asked for and still kept.

        The last of a page gives `before` (`created`) and `before_id` (`trace`) for the next.
        """
        ...


class Labels(Protocol):
    """How confidential documents are."""

    async def labels(self, documents: Sequence[tuple[str, str]]) -> Sequence[Labelled]:
        """Those of `documents` (collection, id) that are there, as they are now, whoever may read them."""
        ...


class LessonLabels(Protocol):
    """How confidential lessons are."""

    async def above(self, label: Label) -> Sequence[Relabelled]:
        """Those that are more confidential than `label`."""
        ...
