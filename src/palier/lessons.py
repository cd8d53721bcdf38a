"""The nouns of lessons: what was asked, what a good answer is, on what it stands, and where it comes from.

A lesson's `state` is that of its review; its label is how confidential it is. Values that tell of a person are replaced
by invented ones before a lesson is kept. What is learnt from them is `palier.training`.
"""

from __future__ import annotations

from typing import Literal, get_args

from palier.types import Data, Label, Message

Kind = Literal["correction", "labelled", "import", "accepted", "escalation", "synthetic"]
"""Who stands for the answer, the surest first: somebody who wrote it, who judged it right, who brought it, who liked
it; the tier that the request climbed to; a teacher that was asked for examples."""
State = Literal["queued", "accepted", "rejected"]

KINDS: tuple[Kind, ...] = get_args(Kind)
STATES: tuple[State, ...] = get_args(State)

MAX_QUESTION = 20_000
MAX_ANSWER = 50_000
"""Characters."""
MAX_TURNS = 64
MAX_EVIDENCE = 64
MAX_BYTES = 2**20
"""Of a lesson as JSON."""
MAX_WEIGHT = 100.0


class Evidence(Data, frozen=True, kw_only=True):
    """A passage that the answer stands on; its number in `[n]` is its place. Without `document` it is of no collection.

    `digest` knows the passage's words again, as they were before anything in them was replaced.
    """

    text: str
    collection: str = ""
    document: str = ""
    passage: int = 0
    title: str = ""
    label: Label = Label.CONFIDENTIAL
    digest: str = ""


class Teacher(Data, frozen=True, kw_only=True):
    """The model that wrote an answer, and what its terms said when the lesson was made. No `model`: a person did."""

    model: str = ""
    may_train: bool = True


class Origin(Data, frozen=True, kw_only=True):
    """Where a lesson comes from. `name` is its own among all of a store: what comes again under it is nothing new."""

    name: str
    trace: str = ""
    """The request."""
    who: str = ""
    """Of whom it is, as a keyed hash: whoever asked, or corrected."""
    created: float = 0.0
    """When it was asked."""


class Lesson(Data, frozen=True, kw_only=True):
    """A question and the answer to learn. `messages` is the whole conversation, where there is more than a question."""

    id: str
    route: str
    question: str
    answer: str
    kind: Kind
    origin: Origin
    messages: tuple[Message, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    teacher: Teacher = Teacher()
    label: Label = Label.CONFIDENTIAL
    """The most restrictive of the question, the answer and the evidence."""
    collections: tuple[str, ...] = ()
    """That the evidence is from, in order of name: who may not read all of them may not be served by what is taught."""
    language: str = ""
    licence: str = ""
    family: str = ""
    """Lessons of one family ask the same, and stand on one side of every split. Empty: a family of its own."""
    invented: bool = False
    """Whether it was looked through for personal data, which was replaced."""
    weight: float = 1.0
    """How much it counts in teaching."""
    state: State = "queued"
    reason: str = ""
    """Why it is rejected."""
    reviewer: str = ""
    """Who accepted, rejected or edited it last; empty where nobody did."""
    reviewed: float = 0.0
    created: float = 0.0
    expires: float = 0.0
    """When it is deleted."""
    revision: int = 0
    """Counts its changes: a change of one that was changed meanwhile is none."""

    @property
    def opening(self) -> str:
        """What the user said first: turns of one conversation have it in common."""
        return next((message.content for message in self.messages if message.role == "user"), self.question)

    @property
    def asked(self) -> str:
        """All that is asked, in words: the turns before the question, and the question."""
        before = [message.content for message in self.messages[:-1] if message.role != "system"]
        return "\n".join([*before, self.question])


class LessonCount(Data, frozen=True, kw_only=True):
    """How many lessons there are, by what they are; `users` is of how many people, `most` the largest number of one."""

    states: dict[str, int] = {}
    kinds: dict[str, int] = {}
    labels: dict[str, int] = {}
    languages: dict[str, int] = {}
    teachers: dict[str, int] = {}
    users: int = 0
    most: int = 0


class Brought(Data, frozen=True, kw_only=True):
    """What came of lessons that were brought from elsewhere. `refused`: counts by reason."""

    added: int = 0
    queued: int = 0
    refused: dict[str, int] = {}
    outdone: dict[str, int] = {}
    """Accepted lessons that are not taught beside these, which ask the same and are surer: counts by kind."""
    contradicted: int = 0
    """How many of those say something else."""


class Edit(Data, frozen=True, kw_only=True):
    """What of a lesson is another now; None: as it was. A label is raised, and never lowered."""

    question: str | None = None
    answer: str | None = None
    label: Label | None = None
    family: str | None = None
    weight: float | None = None


def rank(kind: Kind) -> int:
    """Its place among `KINDS`: of two lessons that ask the same, the one of the lower rank is kept."""
    return KINDS.index(kind)
