"""`palier versions`: what was taught, what became of it, what it does in shadow and what it did once it answered."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from palier.cli import terminal
from palier.cli.session import CONFIG, Config, Json, session
from palier.cli.students import find
from palier.ids import SHORT_ID
from palier.versions import Happened, Standing, Version, state_of

if TYPE_CHECKING:
    from palier.app.certificates import Certificate
    from palier.app.effect import Change, Difference, Effect, Figure, ShadowFigures
    from palier.cli.session import Service

Of = Annotated[
    str,
    typer.Argument(metavar="[ROUTE|VERSION]", help="Of this route; or all of one version.", show_default="all"),
]
EffectOf = Annotated[bool, typer.Option("--effect", help="What changed when the version was promoted.")]
Differences = Annotated[
    int, typer.Option("--differences", min=0, help="So many requests that it answers otherwise in shadow.")
]
Days = Annotated[float, typer.Option("--days", min=0.0, help="How far before and after a promotion is looked.")]

SAID = {
    "climbs": "asked of a tier above",
    "cost": "dollars a request",
    "carbon": "g CO2e a request",
    "energy": "Wh a request",
    "p50_ms": "ms, half of them",
    "p95_ms": "ms, 95 of 100",
    "correct": "judged right (audits)",
    "up": "rated up (feedback)",
}
SHARES = frozenset({"climbs", "correct", "up"})
"""Told in per cent, and their differences in points."""


def versions(
    of: Of = "",
    effect: EffectOf = False,
    differences: Differences = 0,
    days: Days = 30.0,
    config: Config = CONFIG,
    as_json: Json = False,
) -> None:
    """What was taught for the routes, and what became of it; of one version: what it does in shadow, and did live."""

    async def main() -> None:
        async with session(config) as p:
            if not of or of in p.routes:
                await _list(p, of, as_json=as_json)
                return
            version = await find(p.students, of)
            if effect:
                effects = await p.effects.of(version.id, days)
                _show_effects(version, effects, as_json=as_json)
            elif differences:
                _show_differences(await p.effects.differences(version.id, differences), as_json=as_json)
            else:
                happened = await p.students.history(version.route, version.id)
                standing = await p.students.standing(version.route)
                certificate, shadow = await p.students.certificate(version.id), await p.effects.shadow(version.id)
                if as_json:
                    state = state_of(version.id, standing, happened)
                    told = {"state": state, "history": list(happened), "calibration": certificate, "shadow": shadow}
                    terminal.json_line({**msgspec.to_builtins(version), **told})
                else:
                    _show_one(version, happened, standing, certificate, shadow)

    terminal.run(main)


async def _list(p: Service, route: str, *, as_json: bool) -> None:
    found = await p.students.list(route)
    routes = sorted({version.route for version in found})
    standings = {name: await p.students.standing(name) for name in routes}
    happened = {name: await p.students.history(name) for name in routes}
    if as_json:
        for version in found:
            state = state_of(version.id, standings[version.route], happened[version.route])
            terminal.json_line({**msgspec.to_builtins(version), "state": state})
        return
    if not found:
        terminal.note("nothing was taught yet: palier learn ROUTE")
        return
    rows = [_row(version, standings[version.route], happened[version.route]) for version in found]
    terminal.columns(("version", "route", "tier", "student", "lessons", "label", "taught", "state"), rows)


def _row(version: Version, standing: Standing, happened: Sequence[Happened]) -> tuple[str, ...]:
    marks = [state_of(version.id, standing, happened), *(["best"] if version.id == standing.best else [])]
    return (
        *(version.id[-SHORT_ID:], version.route, version.tier, version.student),
        *(f"{version.taught:,}", version.label.value, _day(version.created), ", ".join(marks)),
    )


def _day(at: float) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(at))


def _minute(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.gmtime(at))


# --- one version -----------------------------------------------------------------------------------------------------


def _show_one(
    version: Version,
    happened: Sequence[Happened],
    standing: Standing,
    certificate: Certificate,
    shadow: ShadowFigures,
) -> None:
    where = f": {version.student}, tier {version.tier} of {version.route}, {state_of(version.id, standing, happened)}"
    _print((version.id, "bold"), where)
    whom = [f"may read {', '.join(version.collections)}"] if version.collections else []
    whom += [f"is of {' or '.join(some)}" for some in version.readers]
    readers = f"; it answers who {' and '.join(whom)}" if whom else ""
    _print(f"taught by {version.taught:,} lessons, {version.label}{readers}")
    if version.untold:
        _print("by which lessons, and on which documents, was not kept then: palier learn finds it, or teaches another")
    for one in happened:
        by = f" by {one.who}" if one.who else ""
        why = f": {one.why}" if one.why else ""
        _print(f"{_minute(one.at)}  {one.state}{by}{why}")
    for line in (*calibrated(certificate), *_shadow(shadow)):
        _print(line)


def calibrated(certificate: Certificate) -> Iterator[str]:
    """What a version promises, or why it does not, a line each."""
    made, last = certificate.guarantee, certificate.last
    if not certificate.wanted and made is None:
        yield "calibration: its route promises nothing"
        return
    if made is None:
        labels = f" ({last.labels:,} labels: {last.source})" if last is not None and last.labels else ""
        yield f"not certified: {certificate.problem}{labels}"
        yield f"  the route promises     {certificate.wanted}"
        return
    yield f"certified: {made}"
    if certificate.problem:
        yield f"  not enough             {certificate.problem}"
    for tier, threshold in certificate.thresholds.items():
        yield f"  {f'threshold of {tier}':<23}{threshold:.3f}"
    yield f"  kept                   {made.kept:,} of {made.certified:,} that carried the bound ({made.coverage:.1%})"
    yield f"  of those wrong         {made.observed:.1%}, at most {made.upper:.1%}"
    yield f"  judged by              {made.label_source or 'unknown'}"


def _shadow(shadow: ShadowFigures) -> Iterator[str]:
    if not shadow.requests:
        return
    count = "1 request" if shadow.requests == 1 else f"{shadow.requests:,} requests"
    yield f"in shadow: {count}, {_minute(shadow.since)} to {_minute(shadow.until)}"
    yield f"  would stay home        {_percent(shadow.home)}; now {_percent(shadow.home_now)}"
    if shadow.more_home is not None:
        yield f"  difference             {_change(shadow.more_home, 'climbs')}"
    yield f"  says what was served   {_percent(shadow.agrees)} of what would stay; {_percent(shadow.agrees_all)} of all"
    now = _number(shadow.served_ms)
    yield f"  takes                  {_number(shadow.latency_ms)} ms at the median; the live tier {now}"
    if shadow.energy_wh.value is not None:
        yield f"  energy                 {_number(shadow.energy_wh)} Wh an answer"
    others = {name: n for name, n in shadow.outcomes.items() if name not in ("kept", "climbed")}
    if others:
        yield f"  of those               {', '.join(f'{n:,} {name}' for name, n in sorted(others.items()))}"
    if shadow.guards:
        yield f"  stopped by guards      {', '.join(f'{name} {n:,}' for name, n in sorted(shadow.guards.items()))}"


def _show_differences(found: Sequence[Difference], *, as_json: bool) -> None:
    if not found and not as_json:
        terminal.note("no request is known that it answers otherwise: words are kept for [store] retention_days")
    for one in found:
        if as_json:
            terminal.json_line(one)
            continue
        _print((f"{one.trace[-SHORT_ID:]}  {_minute(one.created)}  ", "dim"), terminal.one_line(one.question, 200))
        _print(f"  served  {terminal.one_line(one.served, 200)}")
        _print(f"  shadow  {terminal.one_line(one.answer, 200)} ({one.outcome})")


# --- before and after ------------------------------------------------------------------------------------------------


def _show_effects(version: Version, effects: Sequence[Effect], *, as_json: bool) -> None:
    if not effects and not as_json:
        terminal.note(f"{version.id} never answered: palier promote lets it")
    for effect in effects:
        if as_json:
            terminal.json_line(effect)
            continue
        who = f" by {effect.who}" if effect.who else ""
        _print((f"{version.id}", "bold"), f" on {effect.route}, promoted {_minute(effect.at)}{who}")
        sides = (effect.before, effect.after)
        counts = [f"{side.requests:,} requests" for side in sides]
        names = [name for name in SAID if any(side.figures[name].value is not None for side in sides)]
        rows = [
            (SAID[name], *(_figure(side.figures[name], name) for side in sides), _told(effect.changes, name))
            for name in names
        ]
        terminal.columns(("", f"before: {counts[0]}", f"after: {counts[1]}", "after less before"), rows)
        if effect.too_few:
            _print((effect.too_few, "yellow"))
        missing = [name for name in names if any(side.figures[name].missing for side in sides)]
        if missing:
            unknown = (
                f"{name} of {' and '.join(f'{side.figures[name].missing:,}' for side in sides)}" for name in missing
            )
            _print((f"not known: {', '.join(unknown)} requests; means are of the others", "dim"))
        _print(("Before and after, not drawn by lot: what else changed then is in it. 95 % intervals.", "dim"))


def _told(changes: Mapping[str, Change], name: str) -> str:
    return _change(changes[name], name) if name in changes else ""


def _change(change: Change, name: str) -> str:
    times, unit = (100.0, " points") if name in SHARES else (1.0, "")
    said = _signed(change.value * times)
    if change.low is None or change.high is None:
        return f"{said}{unit}, interval unknown"
    said = f"{said} [{_signed(change.low * times)}, {_signed(change.high * times)}]{unit}"
    if change.told:
        return said
    return f"{said}: not told apart" + (f", about {change.needed:,} a side would" if change.needed else "")


def _figure(figure: Figure, name: str) -> str:
    return _percent(figure) if name in SHARES else _number(figure)


def _percent(figure: Figure) -> str:
    if figure.value is None:
        return "unknown"
    ends = "" if figure.low is None or figure.high is None else f" [{100 * figure.low:.1f}, {100 * figure.high:.1f}]"
    return f"{100 * figure.value:.1f} %{ends}"


def _number(figure: Figure) -> str:
    if figure.value is None:
        return "unknown"
    ends = "" if figure.low is None or figure.high is None else f" [{figure.low:.3g}, {figure.high:.3g}]"
    return f"{figure.value:.3g}{ends}"


def _signed(value: float) -> str:
    return f"{value:+.3g}"


def _print(*parts: str | tuple[str, str]) -> None:
    terminal.out().print(terminal.styled(*parts), soft_wrap=True)
