"""`palier search`, `palier collections`: what is known."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from palier.cli import groups as groups_
from palier.cli import jsonl, terminal
from palier.cli.session import CONFIG, As, Config, Groups, Json, principal, session
from palier.errors import ConfigurationError
from palier.types import JSON, Hit

Query = Annotated[str, typer.Argument(help="What to look for; with --jsonl, a file of lines.")]
In = Annotated[list[str] | None, typer.Option("--collection", help="Where to look.", show_default="everywhere")]
Top = Annotated[int, typer.Option("--top", "-n", min=1, max=100, help="How many passages.")]
Lines = Annotated[bool, typer.Option("--jsonl", help="Filter JSON lines: id, query.")]


def search(
    query: Query = "",
    config: Config = CONFIG,
    collection: In = None,
    top: Top = 10,
    user: As = "",
    groups: Groups = None,
    lines: Lines = False,
    as_json: Json = False,
) -> None:
    """Show the passages that a question would find, and their scores."""
    reader = principal(user, groups)

    async def main() -> int:
        if not lines and not query.strip():
            raise ConfigurationError("there is no query", hint='palier search "..."')
        async with session(config) as p:
            where = collection or []

            async def line(item: JSON) -> JSON:
                hits = await p.search(jsonl.text_field(item, "query"), where, top, reader)
                return {"hits": [_hit(hit) for hit in hits]}

            if lines:
                return await jsonl.each_line(Path(query) if query else None, line)
            hits = await p.search(query, where, top, reader)
            if not hits and where:
                known = [kept["name"] for kept in await p.list_collections(reader)]
                for name in sorted(set(where).difference(known)):
                    there = f"there is: {', '.join(known)}" if known else "palier ingest makes one"
                    terminal.note(f"there is no collection `{terminal.one_line(name, 40)}`; {there}")
        if as_json:
            for hit in hits:
                terminal.json_line(hit)
        else:
            _passages(hits)
        return 0

    terminal.run(main)


def _hit(hit: Hit) -> JSON:
    return {
        "document": hit.document,
        "passage": hit.passage,
        "score": hit.score,
        "text": hit.text,
        "label": hit.label,
    }


def _passages(hits: list[Hit]) -> None:
    out = terminal.out()
    if not hits:
        terminal.note("nothing was found")
    for n, hit in enumerate(hits, 1):
        heading = f" · {terminal.one_line(hit.below, 50)}" if hit.below else ""
        title = terminal.one_line(hit.title or hit.document, 60)
        out.print(terminal.styled((f"{n:>2} ", "cyan"), (title, "bold"), heading), soft_wrap=True)
        figures = f"score {hit.score:.3f} · cosine {hit.cosine:.2f} · bm25 {hit.bm25:.2f} · {hit.label}"
        out.print(terminal.styled("   ", (f"{figures} · {hit.key}", "dim")), soft_wrap=True)
        out.print(terminal.styled("   ", terminal.one_line(hit.text, 300)), soft_wrap=True)


def collections(config: Config = CONFIG, user: As = "", groups: Groups = None, as_json: Json = False) -> None:
    """List the collections, and who reads them."""

    async def main() -> None:
        async with session(config) as p:
            found = await p.list_collections(principal(user, groups))
            said = {readers.collection: readers for readers in await p.readers()}
        found = [{**each, "readers": groups_.readers_in_words(said.get(each["name"]))} for each in found]
        if as_json:
            for collection in found:
                terminal.json_line(collection)
            return
        if not found:
            terminal.note("there is no document yet: palier ingest PATH")
            return
        terminal.columns(list(found[0]), [[str(value) for value in collection.values()] for collection in found])

    terminal.run(main)
