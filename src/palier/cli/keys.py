"""`palier keys`: who may ask, and how much."""

from __future__ import annotations

import re
import time
from calendar import timegm
from typing import Annotated

import msgspec
import typer

from palier.access import AccessKey, IssuedKey, Role, Spending
from palier.cli import terminal
from palier.cli.session import CONFIG, Config, Json, Service, session
from palier.errors import ConfigurationError, InvalidRequest

app = typer.Typer(help="Who may ask, and how much: access keys.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The key's name, by which it asks.")]
As = Annotated[Role, typer.Option("--role", help="What it may do, each more than the one before.")]
Groups = Annotated[list[str] | None, typer.Option("--group", metavar="GROUP", help="A group it is in.")]
Expires = Annotated[str, typer.Option("--expires", help="90d, 12h, or its last day (UTC).", show_default="never")]
Budget = Annotated[float | None, typer.Option("--budget", help="US dollars it may spend.", show_default="any")]
Soft = Annotated[float | None, typer.Option("--soft", help="US dollars from which it is said.", show_default="none")]
Per = Annotated[str, typer.Option("--per", help="Of each `day` or `month` (UTC).")]
Tokens = Annotated[int | None, typer.Option("--tokens", help="Tokens it may use a day (UTC).", show_default="any")]
Rate = Annotated[int | None, typer.Option("--rate", help="Requests it may make a minute.", show_default="any")]
Routes = Annotated[list[str] | None, typer.Option("--route", metavar="ROUTE", help="A route it may ask.")]
Speaks = Annotated[
    str, typer.Option("--speaks-for", help="Whether it names the user it asks for: `none`, by `field` or `header`.")
]
Inherit = Annotated[bool, typer.Option("--inherit", help="It reads what somebody of its name asked before.")]
Keep = Annotated[str, typer.Option("--keep", help="How long the old secret still opens: 24h, 7d.", show_default="not")]

_UNITS = {"m": 60.0, "h": 3_600.0, "d": 86_400.0, "w": 604_800.0}
DAY_S = 86_400.0


@app.command()
def create(
    name: Name,
    role: As = Role.VIEWER,
    group: Groups = None,
    expires: Expires = "",
    budget: Budget = None,
    soft: Soft = None,
    per: Per = "month",
    tokens: Tokens = None,
    rate: Rate = None,
    route: Routes = None,
    speaks_for: Speaks = "none",
    inherit: Inherit = False,
    config: Config = CONFIG,
    as_json: Json = False,
) -> None:
    """Make a key, and print it this once: only its hash is kept."""

    async def main() -> None:
        asked = {
            "name": name,
            "role": role,
            "groups": tuple(group or ()),
            "expires": expiry(expires, time.time()) if expires else None,
            "budget": budget,
            "soft": soft,
            "per": per,
            "tokens": tokens,
            "rate": rate,
            "routes": tuple(route or ()),
            "speaks_for": speaks_for,
        }
        try:
            key = msgspec.convert(asked, AccessKey)
        except msgspec.ValidationError as error:
            raise ConfigurationError(str(error).replace("$.", "--").replace("_", "-")) from None
        async with session(config) as p:
            _check_routes(key, p)
            made = await p.access.keys.create(key, inherits=inherit)
            _give(made, as_json)
            if not as_json and role is not Role.ADMIN:
                await _say_what_is_open(p)

    terminal.run(main)


@app.command(name="list")
def list_keys(config: Config = CONFIG, as_json: Json = False) -> None:
    """List the keys, without their secrets, and what they spent."""

    async def main() -> None:
        async with session(config) as p:
            keys = await p.access.keys.list()
            spent = await p.spending([key.name for key in keys])
        if as_json:
            for key in keys:
                terminal.json_line({**msgspec.to_builtins(key), "spending": spent[key.name]})
            return
        if not keys:
            terminal.note("there is no key but the owner's: palier keys create NAME")
            return
        header = ("name", "key", "role", "groups", "routes", "rate", "budget", "spent", "tokens", "speaks for", "state")
        terminal.columns(header, [_row(key, spent[key.name]) for key in keys])

    terminal.run(main)


@app.command()
def revoke(name: Name, config: Config = CONFIG) -> None:
    """End a key: from now on it opens nothing."""

    async def main() -> None:
        async with session(config) as p:
            ended = await p.access.keys.revoke(name)
        terminal.note(f"`{ended.name}` ({ended.prefix}...) is revoked")

    terminal.run(main)


@app.command()
def rotate(name: Name, keep: Keep = "", config: Config = CONFIG, as_json: Json = False) -> None:
    """Give a key another secret, on the same terms."""

    async def main() -> None:
        async with session(config) as p:
            _give(await p.access.keys.rotate(name, duration(keep) if keep else 0.0), as_json)

    terminal.run(main)


def duration(text: str) -> float:
    """`90d`, `12h`, `30m`, `2w` in seconds. Raises `ConfigurationError`."""
    if not (found := re.fullmatch(r"(\d{1,6})([mhdw])", text)) or not int(found[1]):
        raise ConfigurationError(f"`{terminal.one_line(text, 40)}` is no time: 30m, 12h, 90d or 2w")
    return int(found[1]) * _UNITS[found[2]]


def expiry(text: str, now: float) -> float:
    """When a key ends, by how long it lasts or by its last day (UTC). Raises `ConfigurationError`."""
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        return now + duration(text)
    try:
        return timegm(time.strptime(text, "%Y-%m-%d")) + DAY_S
    except ValueError:
        raise ConfigurationError(f"`{text}` is no day: 2027-01-31") from None


def _check_routes(key: AccessKey, p: Service) -> None:
    unknown = [route for route in key.routes if route not in p.routes]
    if unknown:
        raise InvalidRequest(f"there is no route `{unknown[0][:80]}`", hint=f"routes: {', '.join(p.routes) or 'none'}")


def _give(made: IssuedKey, as_json: bool) -> None:
    if as_json:
        terminal.json_line({"secret": made.secret, "key": made.key})
        return
    terminal.out().print(terminal.styled(made.secret), soft_wrap=True)
    terminal.note(f"the key of `{made.key.name}`, shown this once: keep it where secrets are kept")


async def _say_what_is_open(p: Service) -> None:
    """At this moment, for the key that was just made changes what an open collection means."""
    closed = {readers.collection for readers in await p.readers() if not readers.everyone}
    names = [each["name"] for each in await p.list_collections() if each["name"] not in closed]
    if names:
        listed = ", ".join(terminal.one_line(name, 40) for name in names[:10])
        terminal.note(f"every key reads {listed}; close one with palier access COLLECTION --allow GROUP")


def _row(key: AccessKey, spent: Spending) -> tuple[str, ...]:
    cost = spent.cost_today if key.per == "day" else spent.cost_month
    over = f", over ${key.soft:g}" if key.soft is not None and cost >= key.soft else ""
    return (
        key.name,
        f"{key.prefix}...",
        key.role,
        ", ".join(key.groups) or "-",
        ", ".join(key.routes) or "all",
        "-" if key.rate is None else f"{key.rate}/min",
        _limits(key),
        (f"${cost:.4g} this {key.per}" if key.per == "month" else f"${cost:.4g} today") + over,
        f"{spent.tokens_today}" + ("" if key.tokens is None else f" of {key.tokens}"),
        key.speaks_for,
        _state(key, time.time()),
    )


def _limits(key: AccessKey) -> str:
    hard = "" if key.budget is None else f"${key.budget:g} a {key.per}"
    soft = "" if key.soft is None else f"said from ${key.soft:g}" + ("" if hard else f" a {key.per}")
    return ", ".join(filter(None, (hard, soft))) or "-"


def _state(key: AccessKey, now: float) -> str:
    if key.revoked is not None:
        return "revoked"
    if key.expires is None:
        return "in use"
    day = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(key.expires))
    return f"until {day}" if now < key.expires else f"expired {day}"
