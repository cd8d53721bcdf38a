"""What is known: documents, their passages, and those that were found."""

from __future__ import annotations

from palier.types.data import JSON, Data
from palier.types.labels import Label


class Document(Data, frozen=True, kw_only=True):
    """A text of a collection. `groups`, which may hold `user:NAME`, read it, if they may read the collection.

    With no `groups` all who may read the collection do.
    """

    id: str
    collection: str
    text: str
    title: str = ""
    url: str = ""
    language: str = ""
    label: Label = Label.CONFIDENTIAL
    groups: tuple[str, ...] = ()
    metadata: JSON = {}
    digest: str = ""
    """SHA-256 of what it was made from (the file's bytes or the text), by which `ingest` skips the unchanged."""
    source: str = ""
    """Where it came from: a path or `http`; `--prune` only deletes what came from the same root."""
    updated: float = 0.0


class Shelved(Data, frozen=True, kw_only=True):
    """A document as it stands in a list: without its text, and with what is wrong with it."""

    document: Document
    passages: int
    """Of 0, nothing can be found."""
    stale: bool
    """Not renewed for longer than `[drift] stale_days`."""
    duplicated: bool
    """Another that was put before has the same content."""


class FailingSource(Data, frozen=True, kw_only=True):
    """A file that could not be read when it was last ingested into a collection, or sent to it, and why."""

    collection: str
    source: str
    error: str
    at: float


class Passage(Data, frozen=True, kw_only=True):
    """A stretch of a document, at characters `start` to `end` of its text."""

    document: str
    index: int
    text: str
    start: int
    end: int
    heading: str = ""


class Hit(Data, frozen=True, kw_only=True):
    """A passage that was found, with its scores. `score` is the fused one, higher is better."""

    collection: str
    document: str
    passage: int
    text: str
    score: float
    label: Label
    title: str = ""
    url: str = ""
    heading: str = ""
    language: str = ""
    cosine: float = 0.0
    bm25: float = 0.0

    @property
    def key(self) -> str:
        """Names the passage within the installation: `collection/document#index`."""
        return f"{self.collection}/{self.document}#{self.passage}"

    @property
    def below(self) -> str:
        """The headings below the title, joined by " > ": the first often is the title again."""
        first, _, rest = self.heading.partition(" > ")
        return rest if first == self.title else self.heading
