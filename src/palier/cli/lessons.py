"""`palier lessons`: what students are taught, from requests and from files, and who let it through."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from palier.cli import jsonl, terminal, verdicts
from palier.cli.audit import since_ms
from palier.cli.records import route_name
from palier.cli.session import CONFIG, Config, Json, session
from palier.config import load
from palier.errors import ConfigurationError, InvalidRequest, NotFound
from palier.ids import SHORT_ID
from palier.lessons import KINDS, STATES, Brought, Lesson, LessonCount
from palier.types import Label

if TYPE_CHECKING:
    from palier.cli.session import LessonDesk
    from palier.training.harvest import Harvested

app = typer.Typer(help="What students are taught, and who let it through.", no_args_is_help=True)

PAGE = 40
"""Lessons read at once: each may be a mebibyte."""
CHUNK, CHUNK_BYTES = 200, 8 * 2**20
"""Lessons sent at once, at most."""

Route = Annotated[str, typer.Argument(help="The route.", show_default="the only one")]
Of = Annotated[str, typer.Option("--route", "-r", help="Of this route.", show_default="all")]
State = Annotated[str, typer.Option("--state", help="queued, accepted or rejected.", show_default="all")]
Kind = Annotated[str, typer.Option("--kind", help=f"One of {', '.join(KINDS)}.", show_default="all")]
Limit = Annotated[int, typer.Option("--limit", "-n", min=1, max=50_000, help="How many, at most.")]
Since = Annotated[
    str,
    typer.Option("--since", metavar="WHEN", help="Requests from then on: 2026-11-20, 30d.", show_default="all"),
]
Suites = Annotated[
    list[Path] | None,
    typer.Option("--suite", metavar="PATH", help="A suite whose holdout is kept apart, besides those of [lessons]."),
]
Id = Annotated[str, typer.Argument(help="The id, or its last 12 digits as `palier lessons list` shows them.")]
Ids = Annotated[list[str], typer.Argument(metavar="ID...", help="Ids, or their last 12 digits.")]
Who = Annotated[str, typer.Option("--as", metavar="USER", help="Who reviews.")]
Reason = Annotated[str, typer.Option("--reason", help="Why, in a few words.")]
Question = Annotated[str | None, typer.Option("--question", help="Ask this instead.", show_default=False)]
Answer = Annotated[
    str | None, typer.Option("--answer", help="Answer this instead; `-`: standard input.", show_default=False)
]
Raised = Annotated[
    Label | None, typer.Option("--label", help="How confidential it is: raised, never lowered.", show_default=False)
]
Family = Annotated[
    str | None, typer.Option("--family", help="Lessons of one family stay on one side of a split.", show_default=False)
]
Weight = Annotated[float | None, typer.Option("--weight", help="How much it counts in teaching.", show_default=False)]
Source = Annotated[Path, typer.Argument(metavar="FILE", help="JSON lines; `-`: standard input.")]
Accept = Annotated[bool, typer.Option("--accept", help="Let them be taught; else they wait for a reviewer.")]
SkipBad = Annotated[bool, typer.Option("--skip-bad", help="Leave out lines that cannot be read.")]


@app.command()
def harvest(
    route: Route = "",
    since: Since = "",
    limit: Limit = 1_000,
    suite: Suites = None,
    config: Config = CONFIG,
    as_json: Json = False,
) -> None:
    """Make lessons of requests: escalations, corrections, accepted answers, drafts that a person judged right."""

    async def main() -> None:
        settings = load(config)
        name = route_name(settings, route)
        start = since_ms(since) / 1000 if since else 0.0
        apart = [str(path.resolve()) for path in suite or []]
        async with session(settings) as p:
            found = await p.lessons.harvest(name, since=start, limit=limit, suites=apart)
        if as_json:
            terminal.json_line(found)
        else:
            _harvested(found)
        if not found.held_out:
            terminal.note("no suite holds anything out: `suites` of [lessons], or --suite, keeps your benchmark apart")

    terminal.run(main)


@app.command("list")
def list_lessons(
    route: Of = "",
    state: State = "",
    kind: Kind = "",
    limit: Limit = 50,
    config: Config = CONFIG,
    as_json: Json = False,
) -> None:
    """List lessons, the oldest first."""
    _check_words(state, kind)

    async def main() -> None:
        async with session(config) as p:
            if route and route not in p.routes:
                raise NotFound(
                    f"there is no route `{terminal.one_line(route, 60)}`", hint=f"one of {', '.join(p.routes)}"
                )
            found = [one async for one in _all(p.lessons, route=route, state=state, kind=kind, limit=limit)]
        if as_json:
            from palier.training.lesson_lines import line_of

            for lesson in found:
                terminal.json_line(line_of(lesson))
        elif found:
            terminal.columns(("state", "kind", "label", "question", "answer", "id"), [_row(one) for one in found])
        else:
            terminal.note("there are no such lessons: palier lessons harvest ROUTE")

    terminal.run(main)


@app.command()
def show(id: Id, config: Config = CONFIG, as_json: Json = False) -> None:
    """Show one lesson: what is asked, what is answered, on what it stands and where it comes from."""

    async def main() -> None:
        async with session(config) as p:
            lesson = await p.lessons.get(id)
        if as_json:
            terminal.json_line(lesson)
        else:
            _show(lesson)

    terminal.run(main)


@app.command()
def accept(ids: Ids, user: Who = "local", config: Config = CONFIG, as_json: Json = False) -> None:
    """Let lessons be taught. A correction is accepted by somebody else than who wrote it."""

    async def main() -> None:
        _check_user(user)
        async with session(config) as p:
            _told(await p.lessons.accept(ids, who=user), as_json)

    terminal.run(main)


@app.command()
def reject(ids: Ids, reason: Reason = "", user: Who = "local", config: Config = CONFIG, as_json: Json = False) -> None:
    """Let lessons not be taught: they are deleted after a month, and not harvested again."""

    async def main() -> None:
        _check_user(user)
        async with session(config) as p:
            _told(await p.lessons.reject(ids, who=user, reason=reason), as_json)

    terminal.run(main)


@app.command()
def edit(
    id: Id,
    question: Question = None,
    answer: Answer = None,
    label: Raised = None,
    family: Family = None,
    weight: Weight = None,
    user: Who = "local",
    config: Config = CONFIG,
    as_json: Json = False,
) -> None:
    """Change a lesson. Personal data that comes in by it is replaced by invented values, too."""

    async def main() -> None:
        from palier.lessons import Edit

        _check_user(user)
        text = sys.stdin.read().strip() if answer == "-" else answer
        wanted = Edit(question=question, answer=text, label=label, family=family, weight=weight)
        if wanted == Edit():
            raise ConfigurationError("say what is to be another", hint="palier lessons edit --help")
        async with session(config) as p:
            _told([await p.lessons.edit(id, wanted, who=user)], as_json)

    terminal.run(main)


@app.command("import")
def bring(
    route: Annotated[str, typer.Argument(help="The route that they are for.")],
    source: Source,
    accept: Accept = False,
    skip_bad: SkipBad = False,
    user: Who = "local",
    config: Config = CONFIG,
    as_json: Json = False,
) -> None:
    """Read lessons from JSON lines. Nothing is kept where a line is wrong."""

    async def main() -> None:
        from palier.training.lesson_lines import read

        _check_user(user)
        settings = load(config)
        name = route_name(settings, route)
        lines = read([one async for one in _numbered(source, skip_bad=skip_bad)], name, skip_bad=skip_bad)
        if not lines.lessons and not lines.notes:
            raise InvalidRequest("there is no line in it", hint="a lesson a line: docs/reference/jsonl.md")
        whole = Brought()
        async with session(settings) as p:
            for part in _parts(list(lines.lessons.values())):
                whole = _both(whole, await p.lessons.add(part, who=user, accept=accept))
        if as_json:
            terminal.json_line(whole)
        else:
            terminal.out().print(terminal.styled(f"{whole.added} lessons added, {whole.queued} wait for a reviewer"))
            _reasons("refused", whole.refused)
        if whole.outdone:
            kinds = ", ".join(f"{number:,} {kind}" for kind, number in whole.outdone.items())
            terminal.note(f"warning: lessons that ask the same are not taught any more beside these: {kinds}")
            if whole.contradicted:
                terminal.note(f"{whole.contradicted:,} of those say something else: palier lessons list, reject")
        for note in lines.notes:
            terminal.note(note)

    terminal.run(main)


@app.command()
def export(route: Of = "", state: State = "", kind: Kind = "", config: Config = CONFIG) -> None:
    """Write lessons as JSON lines, the oldest first, so that `palier lessons import` reads them."""
    _check_words(state, kind)

    async def main() -> None:
        from palier.training.lesson_lines import line_of

        async with session(config) as p:
            async for lesson in _all(p.lessons, route=route, state=state, kind=kind):
                terminal.json_line(line_of(lesson))

    terminal.run(main)


@app.command()
def stats(route: Of = "", config: Config = CONFIG, as_json: Json = False) -> None:
    """Count lessons by state, kind, label, language, teacher and user."""

    async def main() -> None:
        async with session(config) as p:
            found = await p.lessons.count(route)
        if as_json:
            terminal.json_line(found)
        else:
            _counted(found)

    terminal.run(main)


# --- reading and sending ---------------------------------------------------------------------------------------------


async def _all(
    desk: LessonDesk, *, route: str, state: str, kind: str, limit: int | None = None
) -> AsyncIterator[Lesson]:
    after, left = "", limit
    while left is None or left > 0:
        most = PAGE if left is None else min(PAGE, left)
        page = await desk.page(route=route, state=state, kind=kind, after=after, limit=most)
        for lesson in page:
            yield lesson
        if len(page) < most:
            return
        after, left = page[-1].id, None if left is None else left - len(page)


async def _numbered(source: Path, *, skip_bad: bool) -> AsyncIterator[tuple[int, dict[str, object]]]:
    """Number and object of each line. One that is no JSON stops the whole, unless bad lines are skipped."""
    if not skip_bad:
        async for number, item in jsonl.objects(source):
            yield number, item
        return
    from palier.cli import files

    with files.lines(source) as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                try:
                    yield number, msgspec.json.decode(line, type=dict[str, object])
                except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                    yield number, {}


def _parts(lessons: Sequence[Lesson]) -> Iterator[list[Lesson]]:
    part: list[Lesson] = []
    size = 0
    for lesson in lessons:
        length = len(msgspec.json.encode(lesson))
        if part and (len(part) == CHUNK or size + length > CHUNK_BYTES):
            yield part
            part, size = [], 0
        part.append(lesson)
        size += length
    if part:
        yield part


def _check_words(state: str, kind: str) -> None:
    for given, known, option in ((state, STATES, "--state"), (kind, KINDS, "--kind")):
        if given and given not in known:
            raise typer.BadParameter(f"{given} is none of {', '.join(known)}", param_hint=option)


def _check_user(user: str) -> None:
    if not user or not verdicts.nameable(user):
        raise InvalidRequest(f"--as is 1 to {verdicts.MAX_NAME} printable characters")


# --- showing ---------------------------------------------------------------------------------------------------------


def _told(lessons: Sequence[Lesson], as_json: bool) -> None:
    for lesson in lessons:
        if as_json:
            terminal.json_line({"id": lesson.id, "state": lesson.state, "reviewer": lesson.reviewer})
        else:
            words = f"{lesson.state} {lesson.id[-SHORT_ID:]}: {terminal.one_line(lesson.question, 80)}"
            terminal.out().print(terminal.styled(words), soft_wrap=True)


def _row(lesson: Lesson) -> tuple[str, ...]:
    words = (terminal.one_line(lesson.question, 48), terminal.one_line(lesson.answer, 48))
    return (lesson.state, lesson.kind, lesson.label, *words, lesson.id[-SHORT_ID:])


def _harvested(found: Harvested) -> None:
    out = terminal.out()
    kinds = ", ".join(f"{count} {kind}" for kind, count in found.added.items())
    added = f"{sum(found.added.values())} lessons from {found.looked_at} requests of {found.route}"
    out.print(terminal.styled((added, "bold"), f" ({kinds})" if kinds else ""), soft_wrap=True)
    if found.queued:
        out.print(terminal.styled(f"{found.queued} wait for a reviewer: palier lessons list --state queued"))
    _reasons("refused", found.refused)
    _reasons("withdrawn", found.withdrawn)
    if found.more:
        terminal.note("there may be more: run it again, or give a higher --limit")


def _both(first: Brought, second: Brought) -> Brought:
    """Of two parts of a file."""

    def added(name: str) -> dict[str, int]:
        return dict(Counter(getattr(first, name)) + Counter(getattr(second, name)))

    return Brought(
        added=first.added + second.added,
        queued=first.queued + second.queued,
        refused=added("refused"),
        outdone=added("outdone"),
        contradicted=first.contradicted + second.contradicted,
    )


def _reasons(what: str, counts: dict[str, int]) -> None:
    for why, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        terminal.out().print(terminal.styled(f"  {what} {count:>6}  {why}"), soft_wrap=True)


def _show(lesson: Lesson) -> None:
    out = terminal.out()
    by = f" by {lesson.reviewer}" if lesson.reviewer else ""
    why = f": {lesson.reason}" if lesson.reason else ""
    model = lesson.teacher.model or "people"
    made = time.strftime("%Y-%m-%d %H:%M", time.localtime(lesson.created))
    until = time.strftime("%Y-%m-%d", time.localtime(lesson.expires))
    rows = [
        ("id", lesson.id),
        ("state", f"{lesson.state}{by}{why}"),
        ("kind", f"{lesson.kind}, of route {lesson.route}"),
        ("answer by", model + (f" ({lesson.licence})" if lesson.licence else "")),
        ("label", f"{lesson.label}, collections {', '.join(lesson.collections) or 'none'}"),
        ("origin", f"request {lesson.origin.trace}" if lesson.origin.trace else "brought from elsewhere"),
        ("made", f"{made}, kept until {until}"),
        ("weight", f"{lesson.weight:g}" + (f", family {lesson.family}" if lesson.family else "")),
    ]
    for name, value in rows:
        out.print(terminal.styled((f"{name:<10} ", "dim"), value), soft_wrap=True)
    for message in lesson.messages[:-1]:
        out.print(terminal.styled((f"\n{message.role}: ", "bold"), message.content), soft_wrap=True)
    out.print(terminal.styled(("\nquestion: ", "bold"), lesson.question), soft_wrap=True)
    out.print(terminal.styled(("\nanswer: ", "bold"), lesson.answer), soft_wrap=True)
    for n, one in enumerate(lesson.evidence, 1):
        where = f" {one.collection}/{one.document}#{one.passage}" if one.document else ""
        out.print(terminal.styled((f"\n[{n}]{where} ({one.label}) ", "bold"), one.title), soft_wrap=True)
        out.print(terminal.styled(one.text), soft_wrap=True)


def _counted(found: LessonCount) -> None:
    whole = sum(found.states.values())
    terminal.out().print(terminal.styled((f"{whole} lessons", "bold")))
    groups = (
        ("state", found.states),
        ("kind", found.kinds),
        ("label", found.labels),
        ("language", found.languages),
        ("answer by", found.teachers),
    )
    rows = []
    for name, counts in groups:
        for word, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
            said = word or ("people" if name == "answer by" else "unknown")
            rows.append((name, said, str(count), f"{100 * count / whole:.0f} %"))
    if rows:
        terminal.columns(("by", "", "lessons", "share"), rows)
        terminal.out().print(
            terminal.styled(f"of {found.users} users, at most {found.most} of one, without the rejected")
        )
