"""The nouns of versions: what was taught for a route, from what, and what became of it.

A version never changes once the gate has passed it, but that one without a policy may get one. The route's own (what
stands in the settings) is no version: it is what answers where none is live, and what a rollback may end at. Its label
rises with that of the lessons and the documents it was taught on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import msgspec

from palier.types import JSON, UNKNOWN, Data, Label, Quantity

Student = Literal["head", "lora"]
State = Literal["made", "refused", "shadow", "live", "retired", "returned"]
"""`made`: not judged yet. `refused`: the gate did not let it pass. `shadow`: it answers beside, and is not served.

`retired`: another took its place, or somebody took it back. `returned`: it was taken back by itself, because it did not
keep what it promised, or could not answer; it does not answer again before the gate has passed it again.
"""
MONITOR = "monitor"
"""Who takes back by itself."""
NOT_PASSED: tuple[State, ...] = ("made", "refused")
"""States in which a policy may still be fitted for a version."""
STATES: tuple[State, ...] = get_args(State)


class Version(Data, frozen=True, kw_only=True):
    """Something that was taught, with its lineage: from this, it can be told what is in it, and made again."""

    id: str
    route: str
    tier: str
    """Which of its tiers it is for."""
    student: Student
    files: dict[str, str] = {}
    """Of its folder: SHA-256 by name."""
    base: str = ""
    """SHA-256 of the weights that it stands on; empty for a head."""
    encoder: str = ""
    """By which a head reads; empty for an adapter."""
    lessons: str = ""
    """Digest of the lessons it was taught."""
    taught: int = 0
    """How many those were."""
    suite: str = ""
    """Digest of the suite it was held out from."""
    policy: str = ""
    """Digest of the policy that was fitted for it."""
    label: Label = Label.RESTRICTED
    """The most restrictive of its lessons: whoever may not read that is not served by it."""
    collections: tuple[str, ...] = ()
    """All that its lessons stand on: whoever may not read them is not served by it."""
    readers: tuple[tuple[str, ...], ...] = ()
    """Of documents among them that only these read by now: whoever is none of one of these is not served by it."""
    code: str = ""
    """The version of palier that taught it."""
    plan: JSON = {}
    """With what: seed, rank, steps."""
    who: str = ""
    created: float = 0.0
    untold: bool = False
    """Whether it was taught before it was kept by which lessons: then these are not known."""


class Calibration(Data, frozen=True, kw_only=True):
    """What came of certifying a threshold for a version, before its ruling: its policy, or why there is none."""

    version: str
    key: str
    """Names all that it was made of: the cases, what is promised, all that the route's answers depend on."""
    policy: str = ""
    """Names the policy (`routing.policy.identity`); empty where nothing could be certified."""
    files: dict[str, str] = {}
    """Of the version's folder, besides its own: SHA-256 by name."""
    why: str = ""
    """Why nothing could be certified, and what it would take."""
    labels: int = 0
    source: str = ""
    """Who judged."""
    at: float = 0.0

    def of(self, version: Version) -> Version:
        """`version` with this policy."""
        return msgspec.structs.replace(version, policy=self.policy, files={**version.files, **self.files})


class Labelled(Data, frozen=True, kw_only=True):
    """A document as it is now: how confidential, and who alone reads it (none: all who read its collection)."""

    collection: str
    document: str
    label: Label
    groups: tuple[str, ...] = ()


class Relabelled(Data, frozen=True, kw_only=True):
    """A lesson as it is now: how confidential."""

    lesson: str
    label: Label
    route: str = ""
    """Whose versions may have been taught it, where they do not know by what they were; empty: none."""
    created: float = 0.0
    """Those that are older were not."""


class Learner(Data, frozen=True, kw_only=True):
    """A version that was taught on what is forgotten, or may have been."""

    version: str
    route: str
    live: bool
    """Whether it answers."""
    lessons: int
    """By how many of the lessons that are forgotten it was taught."""
    document: bool
    """Whether one of its lessons stands on the document."""
    unsure: bool = False
    """Whether it was taught before that was kept: it may have been, by more than is told here."""


class Raised(Data, frozen=True, kw_only=True):
    """What a version carries besides, since what it was taught on is another now. It never falls."""

    label: Label = Label.PUBLIC
    readers: tuple[tuple[str, ...], ...] = ()

    def of(self, version: Version) -> Version:
        """`version` with it."""
        readers = tuple(dict.fromkeys((*version.readers, *self.readers)))
        return msgspec.structs.replace(version, label=Label.highest(version.label, self.label), readers=readers)

    def over(self, label: Label, groups: Sequence[str] = ()) -> Raised:
        """The same, and what something of this `label` carries that only `groups` read."""
        readers = tuple(dict.fromkeys((*self.readers, *((tuple(sorted(groups)),) if groups else ()))))
        return Raised(label=Label.highest(self.label, label), readers=readers)


class Happened(Data, frozen=True, kw_only=True):
    """A version took a state, by whom and why; with the gate's ruling where there was one."""

    version: str
    state: State
    at: float
    who: str = ""
    why: str = ""
    ruling: JSON | None = None


class Standing(Data, frozen=True, kw_only=True):
    """Which versions of a route count; "" is the route's own."""

    live: str = ""
    previous: str = ""
    """Which a rollback brings back."""
    best: str = ""
    """The best there ever was: what challengers are held against."""


def state_of(version: str, standing: Standing, happened: Sequence[Happened]) -> State:
    """The state of a version, by what happened on its route."""
    if version == standing.live:  # also where it was judged again since
        return "live"
    return next((one.state for one in reversed(happened) if one.version == version), "made")


Beside = Literal["kept", "climbed", "stopped", "barred", "failed"]
"""What became of an answer in shadow. `kept`: it would have been served. `climbed`: it would not, and `stopped`: a
guard did not let it through. `barred`: the version might not be asked. `failed`: it raised."""


class ShadowWords(Data, frozen=True, kw_only=True):
    """The answer itself: kept as long as the words of its request, under the label of both."""

    label: Label
    expires: float
    answer: str


class Shadowed(Data, frozen=True, kw_only=True):
    """What a version in shadow said to one request, beside what was served."""

    trace: str
    version: str
    route: str
    created: float
    outcome: Beside
    guard: str = ""
    """Which guard stopped it."""
    home: bool = False
    """Whether the request was answered by the version's tier as it is live, and did not climb."""
    agrees: bool | None = None
    """Whether it says what was served; None where one of the two said nothing."""
    latency_ms: float = 0.0
    """Of its tier, as the next."""
    served_ms: float | None = None
    """What the live tier took; None where that was not asked."""
    energy: Quantity = UNKNOWN
    words: ShadowWords | None = None


class Holdout(Data, frozen=True, kw_only=True):
    """Cases that judge, and how the error is shared among the times that they may."""

    digest: str
    """Of the cases, to the letter."""
    marks: tuple[str, ...]
    """What each case is known again by, also where something of it was edited."""
    alpha: float
    uses: int


class Spent(Data, frozen=True, kw_only=True):
    """What a holdout has judged besides, itself or as it was before it was edited; and what holds of it since its first
    use."""

    others: int
    alpha: float
    uses: int
