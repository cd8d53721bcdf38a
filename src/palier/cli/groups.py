"""`palier groups`, `palier access`: who belongs where, and who reads what."""

from __future__ import annotations

from typing import Annotated

import typer

from palier.access import Readers
from palier.cli import terminal
from palier.cli.session import CONFIG, Config, Json, session
from palier.errors import ConfigurationError

app = typer.Typer(help="Who belongs where: groups of users, keys and other groups.", no_args_is_help=True)

Group = Annotated[str, typer.Argument(help="The group.")]
Members = Annotated[list[str], typer.Argument(metavar="MEMBER", help="Users, keys by name, or `@GROUP`.")]
Somebody = Annotated[str, typer.Argument(metavar="USER", help="A user, a key by name, or `@GROUP`.")]
Collection = Annotated[str, typer.Argument(help="The collection, which may hold nothing yet.")]
Allow = Annotated[
    list[str] | None, typer.Option("--allow", metavar="READER", help="A group that reads it, or `user:NAME`.")
]
Remove = Annotated[list[str] | None, typer.Option("--remove", metavar="READER", help="One that reads it no more.")]
Everyone = Annotated[bool, typer.Option("--everyone", help="Every key reads it.")]
Nobody = Annotated[bool, typer.Option("--nobody", help="Administrators alone read it, and those that are allowed.")]


@app.command()
def add(group: Group, members: Members, config: Config = CONFIG) -> None:
    """Put members into a group; it acts on their next question."""

    async def main() -> None:
        async with session(config) as p:
            changed = await p.access.directory.add(group, members)
        terminal.note(f"{changed.name}: {', '.join(changed.members)}")

    terminal.run(main)


@app.command()
def remove(group: Group, members: Members, config: Config = CONFIG) -> None:
    """Take members out of a group; with its last member it goes."""

    async def main() -> None:
        async with session(config) as p:
            changed = await p.access.directory.remove(group, members)
        terminal.note(f"{changed.name}: {', '.join(changed.members) or 'nobody'}")

    terminal.run(main)


@app.command(name="list")
def list_groups(config: Config = CONFIG, as_json: Json = False) -> None:
    """List the groups and their members."""

    async def main() -> None:
        async with session(config) as p:
            found = await p.access.directory.list()
        if as_json:
            for group in found:
                terminal.json_line(group)
        elif found:
            terminal.columns(("group", "members"), [(group.name, ", ".join(group.members)) for group in found])
        else:
            terminal.note("there is no group yet: palier groups add GROUP MEMBER")

    terminal.run(main)


@app.command()
def show(user: Somebody, config: Config = CONFIG, as_json: Json = False) -> None:
    """Show all groups of a user, and by which others."""

    async def main() -> None:
        async with session(config) as p:
            own = [group for key in await p.access.keys.list() if key.name == user for group in key.groups]
            ways = await p.access.directory.ways(user, own)
        if as_json:
            terminal.json_line({"name": user, "groups": sorted(ways), "ways": ways})
            return
        rows = [(group, " in ".join(ways[group]) if len(ways[group]) > 1 else "itself") for group in sorted(ways)]
        if rows:
            terminal.columns(("group", "by"), rows)
        else:
            terminal.note(f"{terminal.one_line(user, 80)} is in no group")

    terminal.run(main)


def access(
    collection: Collection,
    allow: Allow = None,
    remove: Remove = None,
    everyone: Everyone = False,
    nobody: Nobody = False,
    config: Config = CONFIG,
    as_json: Json = False,
) -> None:
    """Show or say who reads a collection: nobody but those that are allowed, once somebody is."""

    async def main() -> None:
        if everyone and (nobody or allow or remove):
            raise ConfigurationError("everyone reads it, or those that are allowed: say one of both")
        wanted = True if everyone else False if nobody else None
        async with session(config) as p:
            if allow or remove or wanted is not None:
                held = await p.change_readers(collection, allow=allow or (), remove=remove or (), everyone=wanted)
            else:
                said = {readers.collection: readers for readers in await p.readers()}
                held = said.get(collection, Readers(collection=collection, everyone=True))
            empty = collection not in [each["name"] for each in await p.list_collections()]
        if as_json:
            terminal.json_line(held)
            return
        terminal.out().print(terminal.styled((f"{collection}: ", "bold"), readers_in_words(held)), soft_wrap=True)
        if empty:
            terminal.note("it holds no document yet")

    terminal.run(main)


def readers_in_words(held: Readers | None) -> str:
    """Who reads a collection."""
    if held is None or held.everyone:
        return "everyone"
    return ", ".join(held.readers) or "administrators"
