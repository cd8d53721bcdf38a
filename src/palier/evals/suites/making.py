"""A suite out of what there is: documents, traces, a CSV file. What is made is a draft, and says so."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import msgspec

from palier.cases import Case, Suite, Task
from palier.errors import ConfigurationError, NotFound
from palier.evals.suites.asked import Service, from_traces
from palier.evals.suites.case_lines import line_of
from palier.evals.suites.questions import drafts
from palier.evals.suites.splitting import HOLDOUT, near_duplicates, split_of, united
from palier.evals.suites.suite_toml import CASES, SETTINGS, named, toml_value
from palier.evals.suites.tables import from_csv
from palier.text import tokens
from palier.types import Document, Label

PER_DOCUMENT = 12
"""Questions out of one document, at most."""
_PAGE = 500


class Library(Protocol):
    """Documents of the gateway, or of palier opened here."""

    async def list_documents(self, collection: str, *, after: str, limit: int) -> list[Document]: ...

    async def get_document(self, collection: str, document: str, /) -> Document | None: ...


class Made(NamedTuple):
    """A suite that is not written yet. `private`: it holds texts that are not everybody's. `notes` are for a person."""

    suite: Suite
    private: bool
    notes: tuple[str, ...]


async def of_documents(library: Library, collection: str, *, name: str, route: str = "", limit: int = 1000) -> Made:
    """Questions that the documents of a collection answer. A document's questions are all on one side of the split.

    Where there are more than `limit`, they are those of documents drawn by the hash of their names.
    """
    cases: list[Case] = []
    highest, read = Label.PUBLIC, 0
    async for document in _documents(library, collection):
        read += 1
        found = _of_document(document)[: limit - len(cases)]
        cases += found
        highest = Label.highest(highest, *([document.label] if found else []))
        if len(cases) >= limit:
            break
    if not read:
        raise NotFound(f"the collection `{collection}` holds no document", hint="palier collections lists them")
    if not cases:
        raise ConfigurationError(
            f"no question could be made out of {read} documents",
            hint="it takes headings that are questions, definitions or prices; or start from --from-traces, --from-csv",
        )
    cases = [
        msgspec.structs.replace(case, id=f"d{number:04d}")
        for number, case in enumerate(sorted(cases, key=lambda case: case.id), 1)
    ]
    cases = _by_family(_once(cases), by_document=True)
    notes = (
        f"{len(cases)} questions out of {read} documents of `{collection}`: drafts, to be read and edited"
        " (tag `draft`)",
        "they use the documents' own words, which makes them easier to find than what people type",
    )
    suite = Suite(name=named(name), route=route, source=f"documents of {collection}", cases=tuple(cases))
    return Made(suite, highest is not Label.PUBLIC, notes)


async def of_traces(
    service: Service, route: str, tiers: Sequence[str], *, name: str, since: float = 0.0, limit: int = 1000
) -> Made:
    """Real questions of a route, with answers that somebody stands for."""
    kept = await from_traces(service, route, tiers, since=since, limit=limit)
    told = ", ".join(f"{count} {why}" for why, count in kept.left_out.most_common())
    if not kept.cases:
        raise ConfigurationError(
            f"no request of `{route}` can be a case" + (f": {told}" if told else " yet"),
            hint="rate answers (palier feedback), judge some (palier label), or let the top tier answer",
        )
    turns = sum(sum(message.role == "user" for message in case.messages) > 1 for case in kept.cases)
    task: Task = "dialogue" if turns * 2 > len(kept.cases) else "qa"
    cases = _by_family(kept.cases)
    notes = [f"{len(cases)} questions of `{route}`, without whoever asked them; read them before you share the file"]
    if told:
        notes.append(f"left out: {told}")
    suite = Suite(name=named(name), task=task, route=route, source=f"traces of {route}", cases=tuple(cases))
    return Made(suite, True, tuple(notes))


def of_csv(file: Path, *, name: str, route: str = "", task: Task | None = None, skip_bad: bool = False) -> Made:
    """The rows of a CSV file. Where it has a column `split`, the splits are its own."""
    table = from_csv(file, task=task, skip_bad=skip_bad)
    labels = sorted({r for case in table.cases for r in case.references}) if table.task == "classification" else []
    cases = _families(table.cases) if table.splits else _by_family(table.cases)
    guessed = "" if task else f" (guessed: {_why(table.task, len(labels))}; --task says otherwise)"
    notes = (f"{len(cases)} cases of {file.name}, {table.task}{guessed}", *table.notes)
    suite = Suite(
        name=named(name), task=table.task, route=route, labels=tuple(labels), source=file.name, cases=tuple(cases)
    )
    return Made(suite, False, notes)


def _why(task: Task, labels: int) -> str:
    if task == "classification":
        return f"{labels} distinct short answers"
    return "every answer is an object" if task == "extraction" else "the answers differ, or are long"


async def _documents(library: Library, collection: str) -> AsyncIterator[Document]:
    """Each with its text, in the order of the hash of its name: the first are a sample."""
    names: list[str] = []
    while page := await library.list_documents(collection, after=names[-1] if names else "", limit=_PAGE):
        names += [listed.id for listed in page]
    for name in sorted(names, key=lambda name: hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()):
        document = await library.get_document(collection, name)
        if document is not None:
            yield document


def _of_document(document: Document) -> list[Case]:
    """Its questions. What is confidential makes its questions so: they repeat its words."""
    found = []
    for number, draft in enumerate(drafts(document), 1):
        case = Case(
            id=f"{document.id}#{number:04d}",
            input=draft.question,
            references=(draft.answer,),
            relevant=(document.id,),
            must_contain=draft.must_contain,
            language=draft.language,
            label=document.label if document.label.rank > Label.INTERNAL.rank else None,
            tags=("draft", draft.made),
            origin=f"document:{document.collection}/{document.id}",
        )
        found.append(case)
    return found[:PER_DOCUMENT]


def _once(cases: Sequence[Case]) -> list[Case]:
    """One question asked of several documents is one case, which any of them answers."""
    first: dict[tuple[str, ...], Case] = {}
    for case in cases:
        key = tuple(tokens(case.input))
        if key not in first:
            first[key] = case
            continue
        other = first[key]
        first[key] = msgspec.structs.replace(
            other,
            references=tuple(dict.fromkeys(other.references + case.references)),
            relevant=tuple(dict.fromkeys(other.relevant + case.relevant)),
            must_contain=tuple(text for text in other.must_contain if text in case.must_contain),
        )
    return list(first.values())


# --- families and splits -----------------------------------------------------------------------------------------


def _families(cases: Sequence[Case]) -> list[Case]:
    """With near-duplicates as one family, named for its first."""
    names = [case.id for case in cases]
    leader = united(names, [*_alike(cases), *_said(cases)])
    size: dict[str, int] = {}
    for name in names:
        size[leader[name]] = size.get(leader[name], 0) + 1
    group = {case.id: case.group for case in cases}
    return [
        msgspec.structs.replace(case, family=group[leader[case.id]]) if size[leader[case.id]] > 1 else case
        for case in cases
    ]


def _by_family(cases: Sequence[Case], *, by_document: bool = False) -> list[Case]:
    """In families, each whole on one side, by a hash; by document: what a document answers is on one side, too."""
    told = _families(cases)
    documents = _of_one([(case.id, name) for case in told for name in case.relevant]) if by_document else []
    leader = united([case.id for case in told], [*_said(told), *documents])
    key = {case.id: case.relevant[0] if by_document else case.group for case in told}
    return [msgspec.structs.replace(case, split=split_of(key[leader[case.id]], HOLDOUT)) for case in told]


def _alike(cases: Sequence[Case]) -> list[tuple[str, str]]:
    pairs = near_duplicates([case.question for case in cases]).found
    return [(cases[pair.first].id, cases[pair.second].id) for pair in pairs]


def _said(cases: Sequence[Case]) -> list[tuple[str, str]]:
    return _of_one([(case.id, case.family) for case in cases])


def _of_one(named_for: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Pairs that join all ids of one name; "" is no name."""
    first: dict[str, str] = {}
    return [(first.setdefault(name, case), case) for case, name in named_for if name]


# --- writing -----------------------------------------------------------------------------------------------------


def write(made: Made, folder: Path, *, force: bool = False) -> tuple[Path, Path]:
    """Write `suite.toml` and `cases.jsonl` into `folder`, whole or not at all; both for the owner alone where private.

    Raises `ConfigurationError` where one is there already, unless `force`.
    """
    settings, cases = folder / SETTINGS, folder / CASES
    there = [file for file in (settings, cases) if file.exists()]
    if there and not force:
        raise ConfigurationError(f"{there[0]} is there already", hint="name another folder, or --force overwrites it")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(f"{folder} cannot be made: {error.strerror}") from None
    replace_file(cases, b"".join(map(line_of, made.suite.cases)), private=made.private)
    replace_file(settings, _settings(made.suite).encode(), private=made.private)
    return settings, cases


def replace_file(file: Path, content: bytes, *, private: bool) -> None:
    """Write `file` beside, and let it take the name: whoever reads it meets the old one or the new one, whole.

    `private`: mode 0600; else as the umask has it. Raises `ConfigurationError`.
    """
    mask = os.umask(0)
    os.umask(mask)
    try:
        descriptor, beside = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
        try:
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
            Path(beside).chmod(0o600 if private else 0o666 & ~mask)
            Path(beside).replace(file)
        except OSError:
            Path(beside).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be written: {error.strerror}") from None


def _settings(suite: Suite) -> str:
    route = f"route = {toml_value(suite.route)}" if suite.route else '# route = "support"        # of palier.toml'
    lines = [
        "# What a suite may say: docs/how-to/make-a-suite.md",
        f"name = {toml_value(suite.name)}",
        'version = "1"                # another one when the suite measures something else',
        f"task = {toml_value(suite.task)}",
        route,
        f"source = {toml_value(suite.source)}",
    ]
    if suite.labels:
        listed = "".join(f"\n    {toml_value(label)}," for label in suite.labels)
        lines.append(f"labels = [{listed}\n]")
    if suite.task == "extraction":
        lines.append('# schema = "schema.json"     # the JSON schema that answers must fit')
    lines += ['# quality = "..."            # the metric that decides; without, the usual one of the task']
    lines += [f"cases = [{toml_value(CASES)}]"]
    return "\n".join(lines) + "\n"
