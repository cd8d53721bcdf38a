"""`palier forget`: a user, or a document and what was answered from it, erased everywhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from palier.cli import terminal
from palier.cli.session import CONFIG, Config, Json, session
from palier.errors import ConfigurationError

if TYPE_CHECKING:
    from palier.forgetting import Artefact, Forgotten
    from palier.versions import Learner

User = Annotated[str, typer.Option("--user", metavar="NAME", help="All that this user asked and said.")]
Document = Annotated[
    str, typer.Option("--document", metavar="COLLECTION/ID", help="This document, and what was answered from it.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]

KINDS = {
    "passages": "with their vectors and terms",
    "requests": "without what names {whom}; their figures stay",
    "contents": "the words of those requests",
    "audits": "no longer judged, nor fitted on",
    "shadows": "what students in shadow answered to them; the figures stay",
    "feedback": "without the name; the ratings stay",
    "judgements": "without the name; they stay",
    "payloads": "what left, as it was kept; the ledger's entries stay",
    "maps": "what was replaced in prompts",
    "lessons": "made from what is forgotten: no student is taught them any more",
    "reviews": "of lessons, without the name; the lessons stay",
    "trainings": "that were going on by some of these lessons: they begin anew",
    "actions": "in the console that name {whom}: the name goes",
    "sources": "that students were taught on, without the document's name; their labels stay",
    "results": "answers that benchmarks kept",
    "reports": "of benchmarks, without those cases; their figures stay",
}


def forget(
    user: User = "",
    document: Document = "",
    dry_run: DryRun = False,
    yes: Yes = False,
    config: Config = CONFIG,
    as_json: Json = False,
) -> None:
    """Erase a user, or a document with what was answered from it, and say which policies and students have seen it."""

    async def main() -> None:
        if not (dry_run or yes or (sys.stdin.isatty() and not as_json)):
            raise ConfigurationError("nothing is forgotten unasked", hint="--yes does it, --dry-run says what would go")
        async with session(config) as p:
            if dry_run or not yes:
                found = await p.forget(user=user, document=document, dry_run=True)
                if not dry_run:
                    _show(found)
                    typer.confirm("Forget it? It cannot be had again.", abort=True, err=True)
            if not dry_run:
                found = await p.forget(user=user, document=document)
        if as_json:
            terminal.json_line(found)
        else:
            _show(found)
        if document and not dry_run:
            terminal.note("delete the file it was ingested from, too: palier ingest would bring it back")

    terminal.run(main)


def _show(found: Forgotten) -> None:
    for line in _lines(found):
        terminal.out().print(terminal.styled(line), soft_wrap=True)


def _lines(found: Forgotten) -> Iterator[str]:
    whom = f"user {found.user}" if found.user else f"document {found.document}"
    if any(found.counts.values()):
        yield f"{'would be forgotten' if found.dry_run else 'forgotten'}: {whom}"
    else:
        yield f"nothing is kept of {whom}"
    for kind, count in found.counts.items():
        if count:
            meaning = KINDS.get(kind, "").format(whom="the user" if found.user else "the document")
            yield f"  {kind:<10} {count:>6}  {meaning}".rstrip()
    for artefact in found.artefacts:
        yield _learnt(artefact, found.counts.get("requests", 0))
    for learner in found.learners:
        yield _taught(learner)


def _learnt(artefact: Artefact, requests: int) -> str:
    """What a policy has seen, and what to do."""
    of = f"version {artefact.version}" if artefact.version else f"route {artefact.route}"
    named = f"policy {artefact.path} ({of})"
    mend = "teach another: palier learn" if artefact.version else "calibrate again"
    if artefact.requests is None:
        return f"{named} does not say what it was fitted on, and may have seen them: {mend}"
    told = [f"{artefact.requests} of these {requests} requests"] if artefact.requests else []
    told += [f"{artefact.earlier} that were forgotten before"] if artefact.earlier else []
    kept = ", and holds vectors of their questions" if artefact.questions else ""
    return f"{named} was fitted on {' and '.join(told)}{kept}: {mend}"


def _taught(learner: Learner) -> str:
    """What a version has learnt, and what to do: what it learnt goes with its files alone."""
    where = "answers on" if learner.live else "of"
    named = f"version {learner.version} ({where} {learner.route})"
    mend = f"teach another (palier learn {learner.route}), then delete its folder among the students"
    if learner.unsure:
        return f"{named} was taught before palier kept by what, and may have learnt from it: {mend}"
    lessons = "1 of these lessons" if learner.lessons == 1 else f"{learner.lessons} of these lessons"
    told = [f"by {lessons}"] if learner.lessons else []
    told += ["by lessons that stand on this document"] if learner.document else []
    return f"{named} was taught {' and '.join(told)}, and keeps what it learnt: {mend}"
