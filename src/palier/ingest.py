"""Files and folders into a collection: only what changed, and one broken file stops nothing.

`ingest` works on a `Knowledge`, which a local `Palier` and a client of a remote gateway both are; the step behind it is
`retrieval.indexing`: cut, embed, store.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol, get_args

import msgspec

from palier.errors import Busy, InvalidRequest, TooLarge, Unavailable
from palier.interfaces import Workers
from palier.retrieval import parsing
from palier.retrieval.files import Found, walk
from palier.retrieval.parsing import Fault, Parsed
from palier.types import Data, Document, Label

STDIN = "stdin"
"""The source of documents that came by standard input."""
_BATCH_DOCUMENTS = 32
_BATCH_CHARACTERS = 200_000
"""What is put at once: it bounds the memory here, and the body of a request to a remote gateway."""
_PAGE = 1000
_MAX_NOTES = 1000
_MAX_NAME = 200
"""Characters of the name of a file that was sent."""
_PATIENCE = 10
"""How often a full queue is tried again."""
_ABOUT_A_DOCUMENT = (InvalidRequest, TooLarge, Unavailable)
"""What may be one document's fault, by being hostile or too large; other errors are the collection's."""

Action = Literal["added", "changed", "unchanged", "deleted", "failed", "warned"]


class Knowledge(Protocol):
    """Where documents go: a local `Palier`, or a client of a remote gateway."""

    async def list_documents(self, collection: str, *, after: str = "", limit: int = 1000) -> list[Document]:
        """Documents in order of id, without their text."""
        ...

    async def put_documents(self, documents: Sequence[Document]) -> None:
        """Cut, embed and store; visible to the next search."""
        ...

    async def delete_documents(self, collection: str, documents: Sequence[str]) -> int:
        """Delete those that exist; how many there were."""
        ...


class Replaceable(Knowledge, Protocol):
    """The same, where single documents can be looked up: for files that come one at a time."""

    async def get_document(self, collection: str, document: str) -> Document | None:
        """The document, if it is there for whoever writes."""
        ...


class Options(Data, frozen=True, kw_only=True):
    """How to ingest. `groups` and `language` are for documents that do not say theirs."""

    collection: str
    label: Label | None = None
    """The least that each document has: its own label counts where it is more restrictive. None: its own alone counts,
    and one that has none is confidential."""
    groups: tuple[str, ...] = ()
    language: str = ""
    prune: bool = False
    """Delete the documents that came from the same roots and are there no more."""
    skip_bad: bool = False
    """Pass over the bad lines of a JSON lines file, instead of over the file."""
    max_file_bytes: int = 100 * 2**20
    root: str = ""
    """The folder below which paths are ids, where it is not each of those that are named: they share one then."""


class Outcome(Data, frozen=True, kw_only=True):
    """What became of one document or file, when `done` of `total` files were behind."""

    action: Action
    source: str
    id: str = ""
    error: str = ""
    done: int = 0
    total: int = 0


class Summary(Data, frozen=True, kw_only=True):
    """What an ingestion did, counted in documents. The notes are (source, what was wrong), the first 1,000 of each."""

    collection: str
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    deleted: int = 0
    failed: int = 0
    warned: int = 0
    failures: tuple[tuple[str, str], ...] = ()
    warnings: tuple[tuple[str, str], ...] = ()
    skipped: dict[str, int] = msgspec.field(default_factory=dict)
    """Files below the folders that are of no known kind, by suffix."""
    seconds: float = 0.0


async def ingest(
    knowledge: Knowledge,
    workers: Workers,
    paths: Sequence[str | Path],
    options: Options,
    *,
    lines: bytes | None = None,
    report: Callable[[Outcome], None] | None = None,
) -> Summary:
    """Bring `paths` (files, folders) and `lines` (JSON lines, from standard input) into a collection.

    A document's id is its path below the folder that was named, with `/`, or the one its line gives. Files are parsed
    in `workers` (the batch lane); `report` is called for each document, and for each file that failed. What is wrong
    with a file is reported and the rest goes on; what is wrong with `knowledge` is raised.
    """
    return await _Ingestion(knowledge, workers, options, report).run([Path(path) for path in paths], lines)


async def upload(
    knowledge: Replaceable,
    workers: Workers,
    files: Sequence[tuple[str, bytes]],
    options: Options,
    *,
    report: Callable[[Outcome], None] | None = None,
) -> Summary:
    """As `ingest`, of files that somebody sent: their names and contents. A document's id is the name of its file."""
    return await _Upload(knowledge, workers, options, report).take(files)


class _Ingestion:
    """One run: what was there before, what was met, what was done."""

    _way_out = "name a folder above both with --root"

    def __init__(
        self,
        knowledge: Knowledge,
        workers: Workers,
        options: Options,
        report: Callable[[Outcome], None] | None,
    ) -> None:
        self._knowledge = knowledge
        self._workers = workers
        self._options = options
        self._report = report
        self._known: dict[str, Document] = {}
        self._met: dict[str, str] = {}
        """Where each id was met in this run."""
        self._unread: set[str] = set()
        """Sources that failed: what came from them before stays."""
        self._batch: list[Document] = []
        self._counts: dict[Action, int] = dict.fromkeys(get_args(Action), 0)
        self._notes: dict[Action, list[tuple[str, str]]] = {"failed": [], "warned": []}
        self._done = self._total = 0

    async def run(self, paths: Sequence[Path], lines: bytes | None) -> Summary:
        begun = time.monotonic()
        await self._learn()
        files, roots, skipped = await asyncio.to_thread(_list, paths, self._options.root)
        self._total = len(files) + (lines is not None)
        for file in files:
            await self._file(file)
            self._done += 1
        if lines is not None:
            await self._parsed(STDIN, parsing.parse, "lines.jsonl", lines, self._options.language)
            self._done += 1
        await self._flush()
        if self._options.prune:
            await self._prune([*roots, STDIN] if lines is not None else roots)
        return self._summary(begun, skipped)

    def _summary(self, begun: float, skipped: dict[str, int]) -> Summary:
        return Summary(
            collection=self._options.collection,
            **self._counts,
            failures=tuple(self._notes["failed"]),
            warnings=tuple(self._notes["warned"]),
            skipped=skipped,
            seconds=round(time.monotonic() - begun, 3),
        )

    async def _learn(self) -> None:
        """What the collection holds already."""
        after = ""
        while page := await self._knowledge.list_documents(self._options.collection, after=after, limit=_PAGE):
            self._known.update((document.id, document) for document in page)
            after = page[-1].id

    # --- from a file to the batch ----------------------------------------------------------------------------------

    async def _file(self, file: Found) -> None:
        source = os.fsencode(file.path).decode("utf-8", "replace")
        if file.error or source != str(file.path):
            self._fail(source, file.error or "its name is not UTF-8: rename it")
            return
        try:
            digest = await asyncio.to_thread(_file_digest, file.path, self._options)
        except OSError as error:
            self._fail(source, f"cannot be read: {error.strerror}")
            return
        if self._is_current(file.id, source, digest):
            if self._meet(file.id, source, source):
                self._note("unchanged", source, file.id)
            return
        limits = (self._options.max_file_bytes, self._options.language)
        await self._parsed(source, parsing.parse_file, source, *limits, id=file.id, digest=digest)

    async def _parsed(
        self, source: str, parse: Callable[..., list[Parsed | Fault]], *arguments: Any, id: str = "", digest: str = ""
    ) -> None:
        """Take what a file holds, or say why it cannot be read. `id` and `digest` are for a file of one document."""
        try:
            found = await self._workers.run(parse, *arguments)
        except Exception as error:  # whatever a parser makes of a stranger's file concerns that file alone
            self._fail(source, str(error) or type(error).__name__)
            return
        faults = [document for document in found if isinstance(document, Fault)]
        if faults and not self._options.skip_bad:
            more = f" (and {len(faults) - 1} more such lines)" if len(faults) > 1 else ""
            self._fail(source, f"{faults[0].where}: {faults[0].error}{more}")
            return
        for fault in faults:
            self._fail(source, f"{fault.where}: {fault.error}")
        for parsed in found:
            if isinstance(parsed, Parsed):
                line = bool(parsed.id)
                await self._take(
                    parsed, source, parsed.id or id, _line_digest(parsed, self._options) if line else digest
                )

    async def _take(self, parsed: Parsed, source: str, id: str, digest: str) -> None:
        """Put one document into the batch, unless it is there already or its name is taken."""
        if parsed.warning:
            self._note("warned", source, id, parsed.warning)
        if not self._meet(id, source, f"{source} {parsed.where}".strip()):
            return
        if self._is_current(id, source, digest):
            self._note("unchanged", source, id)
            return
        options = self._options
        self._batch.append(
            Document(
                id=id,
                collection=options.collection,
                text=parsed.text,
                title=parsed.title,
                url=parsed.url,
                language=parsed.language,
                label=_label(parsed.label, options.label),
                groups=options.groups if parsed.groups is None else parsed.groups,
                metadata=parsed.metadata,
                digest=digest,
                source=source,
                updated=time.time(),
            )
        )
        full = sum(len(document.text) for document in self._batch) >= _BATCH_CHARACTERS
        if full or len(self._batch) >= _BATCH_DOCUMENTS:
            await self._flush()

    def _is_current(self, id: str, source: str, digest: str) -> bool:
        """Whether the collection holds this very document. One whose label is under the floor is never current."""
        known = self._known.get(id)
        if known is None or not known.label.allows(self._options.label or Label.PUBLIC):
            return False
        return known.digest == digest and known.source == source

    def _meet(self, id: str, source: str, where: str) -> bool:
        """Whether `id` is free for a document found at `where`: neither two of this run nor two files share one."""
        known = self._known.get(id)
        other = self._met.get(id, "")
        if not other and known and known.source != source and Path(known.source).is_absolute():
            other = known.source if Path(known.source).exists() else ""
        if other:
            self._fail(source, f"{where}: the id `{id}` is that of {other}; {self._way_out}")
            return False
        self._met[id] = where
        return True

    # --- from the batch to the collection --------------------------------------------------------------------------

    async def _flush(self) -> None:
        batch, self._batch = self._batch, []
        if not batch:
            return
        try:
            await self._put(batch)
        except _ABOUT_A_DOCUMENT:
            # One of them cannot be kept: find which, if it is not the collection that went away.
            await self._knowledge.list_documents(self._options.collection, limit=1)
            for document in batch:
                await self._put_alone(document)
        else:
            for document in batch:
                self._kept(document)

    async def _put_alone(self, document: Document) -> None:
        try:
            await self._put([document])
        except _ABOUT_A_DOCUMENT as error:
            self._fail(document.source, f"`{document.id}`: {error}")
        else:
            self._kept(document)

    async def _put(self, documents: Sequence[Document]) -> None:
        """Put, waiting for a place where the queue is full. Raises `Busy` after ten tries."""
        for _ in range(_PATIENCE):
            try:
                return await self._knowledge.put_documents(documents)
            except Busy as busy:
                await asyncio.sleep(busy.retry_after or 1.0)
        return await self._knowledge.put_documents(documents)

    async def _prune(self, roots: Sequence[str]) -> None:
        """Delete what came from below `roots` and was not met; what could not be read is not gone."""
        gone = [
            document
            for document in self._known.values()
            if document.id not in self._met
            and any(_inside(document.source, root) for root in roots)
            and not any(_inside(document.source, unread) for unread in self._unread)
        ]
        for start in range(0, len(gone), _PAGE):
            page = gone[start : start + _PAGE]
            await self._knowledge.delete_documents(self._options.collection, [document.id for document in page])
            for document in page:
                self._note("deleted", document.source, document.id)

    # --- what is told ----------------------------------------------------------------------------------------------

    def _kept(self, document: Document) -> None:
        self._note("changed" if document.id in self._known else "added", document.source, document.id)

    def _fail(self, source: str, error: str) -> None:
        self._unread.add(source)
        self._note("failed", source, error=error)

    def _note(self, action: Action, source: str, id: str = "", error: str = "") -> None:
        self._counts[action] += 1
        notes = self._notes.get(action)
        if notes is not None and len(notes) < _MAX_NOTES:
            notes.append((source, error))
        if self._report:
            outcome = Outcome(action=action, source=source, id=id, error=error, done=self._done, total=self._total)
            self._report(outcome)


def kept_name(sent: str) -> str:
    """What a file that was sent is kept under: its name alone, of whatever path it came with."""
    return sent.replace("\\", "/").rpartition("/")[2].strip()


class _Upload(_Ingestion):
    """One run over files that were sent: nothing but what they replace is looked up."""

    _way_out = "give one of them another name"

    def __init__(
        self, knowledge: Replaceable, workers: Workers, options: Options, report: Callable[[Outcome], None] | None
    ) -> None:
        super().__init__(knowledge, workers, options, report)
        self._replaceable = knowledge

    async def take(self, files: Sequence[tuple[str, bytes]]) -> Summary:
        begun, self._total = time.monotonic(), len(files)
        for name, content in files:
            await self._sent(name, content)
            self._done += 1
        await self._flush()
        return self._summary(begun, {})

    async def _sent(self, path: str, content: bytes) -> None:
        name = kept_name(path)
        if not 0 < len(name) <= _MAX_NAME or not name.isprintable():
            self._fail(name[:_MAX_NAME], f"its name must be printable, of {_MAX_NAME} characters at most")
        elif len(content) > (most := self._options.max_file_bytes):
            self._fail(name, f"has more than {most / 2**20:.3g} MB")
        else:
            digest = _salted(self._options, hashlib.sha256(content).digest())
            await self._parsed(name, parsing.parse, name, content, self._options.language, id=name, digest=digest)

    async def _take(self, parsed: Parsed, source: str, id: str, digest: str) -> None:
        there = await self._replaceable.get_document(self._options.collection, id)
        if there is not None:
            self._known[id] = there
        await super()._take(parsed, source, id, digest)


def _list(paths: Sequence[Path], root: str) -> tuple[list[Found], list[str], dict[str, int]]:
    """The files of `paths`, the paths as sources begin, and how many files are of no known kind, by suffix."""
    files = [file for path in paths for file in walk(path, parsing.KINDS)]
    skipped = Counter(file.path.suffix.lower() or file.path.name for file in files if file.passed)
    files = [file for file in files if not file.passed]
    if root:
        top = Path(root).resolve()
        files = [f._replace(id=f.path.relative_to(top).as_posix()) if f.path.is_relative_to(top) else f for f in files]
    return files, [str(path.resolve()) for path in paths], dict(skipped.most_common(20))


def _inside(source: str, root: str) -> bool:
    return source == root or source.startswith(root.rstrip(os.sep) + os.sep)


def _label(own: Label | None, floor: Label | None) -> Label:
    """A document can say that it is more confidential than it was called, never less."""
    said = [label for label in (own, floor) if label is not None]
    return Label.highest(*said) if said else Label.CONFIDENTIAL


def _salt(options: Options) -> bytes:
    """What a document is made of beside its content: with another label it is another document."""
    return msgspec.json.encode([parsing.VERSION, options.label, options.groups, options.language])


def _file_digest(path: Path, options: Options) -> str:
    """Of the file and the options; "" for one over the limit, which parsing refuses without reading it."""
    with path.open("rb") as stream:
        if os.fstat(stream.fileno()).st_size > options.max_file_bytes:
            return ""
        digest = hashlib.file_digest(stream, "sha256")
    return _salted(options, digest.digest())


def _salted(options: Options, digest: bytes) -> str:
    return hashlib.sha256(_salt(options) + digest).hexdigest()


def _line_digest(parsed: Parsed, options: Options) -> str:
    content = msgspec.json.encode(msgspec.structs.replace(parsed, where=""))
    return hashlib.sha256(_salt(options) + content).hexdigest()
