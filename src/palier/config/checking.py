"""What the types of settings cannot say: names that must exist, ranges of numbers, settings that exclude others."""

from __future__ import annotations

import difflib
import ipaddress
import re
from datetime import datetime

from palier.config.derived import tier_name
from palier.config.sections import Route, Settings
from palier.errors import ConfigurationError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
LARGEST = 1e100
"""Of a setting: what it comes to in seconds or a sum is still a number, which can be written down and read again."""


def check(settings: Settings, where: str) -> None:
    """Raise `ConfigurationError` for the first thing that is wrong; `where` is named in it."""
    for name in (*settings.models, *settings.routes, *settings.collections, *settings.guards):
        if not _NAME.fullmatch(name):
            raise ConfigurationError(f"{where}: `{name}` is no name", hint="letters, digits, '.', '_', '-'; 64 at most")
    _check_resources(settings, where)
    _check_console(settings, where)
    for name, guard in settings.guards.items():
        _check_number(f"{where}: guard `{name}`", "timeout_s", guard.timeout_s, least=0.001)
        _check_number(f"{where}: guard `{name}`", "threshold", guard.threshold, least=0)
        if guard.model and guard.model not in settings.models:
            raise ConfigurationError(
                f"{where}: guard `{name}` names the model `{guard.model}`", hint="add [models.NAME]"
            )
    for name, route in settings.routes.items():
        _check_route(settings, name, route, where)


def _check_console(settings: Settings, where: str) -> None:
    """A header that anybody could send, networks that are none."""
    console, at = settings.console, f"{where}: [console]"
    for network in (*console.networks, *console.proxy_addresses):
        try:
            ipaddress.ip_network(network, strict=False)
        except ValueError:
            raise ConfigurationError(f"{at}: `{network}` is no network", hint="for example 10.0.0.0/8") from None
    if not 0 < console.session_hours <= 24 * 366:
        raise ConfigurationError(f"{at}: session_hours is {console.session_hours:g}", hint="hours, above 0")
    proxied = bool(console.proxy_addresses or console.proxy_secret_env)
    if console.proxy_header and not proxied:
        raise ConfigurationError(
            f"{at}: anybody could send the header {console.proxy_header}",
            hint="say where the proxy calls from (proxy_addresses) or what it knows (proxy_secret_env), best both",
        )
    if proxied and not console.proxy_header:
        raise ConfigurationError(f"{at}: a proxy is declared, and no proxy_header", hint='"X-Forwarded-User", often')


def _check_resources(settings: Settings, where: str) -> None:
    """Powers, prices and factors that no machine and no site has."""
    for name, model in settings.models.items():
        at = f"{where}: model `{name}`"
        for setting in ("watts", "dollars_per_hour"):
            _check_number(at, setting, getattr(model, setting), least=0)
        if model.price is not None:
            for setting in ("input", "output", "cached"):
                _check_number(at, f"price.{setting}", getattr(model.price, setting), least=0)
            if model.dollars_per_hour is not None:
                raise ConfigurationError(
                    f"{at} has a price and dollars_per_hour", hint="by the token or by the hour: keep one of them"
                )
        if model.impacts_as and not re.fullmatch(r"[^/\s]+/\S+", model.impacts_as):
            raise ConfigurationError(
                f"{at}: impacts_as `{model.impacts_as}` is not PROVIDER/MODEL", hint='for example "openai/gpt-4o-mini"'
            )
    _check_number(f"{where}: [store]", "retention_days", settings.store.retention_days, least=0)
    at = f"{where}: [lessons]"
    _check_number(at, "retention_days", settings.lessons.retention_days, least=0)
    for setting in ("user_share", "validation"):
        if not 0 <= (share := getattr(settings.lessons, setting)) <= 1:
            raise ConfigurationError(f"{at}: {setting} is {share:g}", hint="a share between 0 and 1")
    if not 0 <= settings.lessons.synthetic_share < 1:
        share = settings.lessons.synthetic_share
        raise ConfigurationError(f"{at}: synthetic_share is {share:g}", hint="a share from 0 on, below 1")
    _check_number(at, "user_least", settings.lessons.user_least, least=0)
    if not 0 <= settings.learning.shadow <= 1:
        raise ConfigurationError(
            f"{where}: [learning]: shadow is {settings.learning.shadow:g}", hint="a share between 0 and 1"
        )
    _check_number(f"{where}: [learning]", "shadow_at_once", settings.learning.shadow_at_once, least=1)
    for setting, least in (("least_new", 1), ("every_s", 1), ("hours", 0), ("kwh", 0), ("watts", 0)):
        _check_number(f"{where}: [learning]", setting, getattr(settings.learning, setting), least=least)
    if not 0.1 <= settings.telemetry.every_s <= 3600:
        raise ConfigurationError(
            f"{where}: [telemetry]: every_s is {settings.telemetry.every_s:g}", hint="seconds, from 0.1 to 3600"
        )
    _check_number(f"{where}: [carbon]", "intensity", settings.carbon.intensity, least=0)
    _check_number(f"{where}: [carbon]", "pue", settings.carbon.pue, least=1)
    _check_drift(settings, f"{where}: [drift]")


def _check_drift(settings: Settings, at: str) -> None:
    said = settings.drift
    _check_number(at, "every_s", said.every_s, least=60)
    _check_number(at, "reference_days", said.reference_days, least=0)
    _check_number(at, "stale_days", said.stale_days, least=0)
    if not 0.001 <= said.false_alarms <= 0.5:
        raise ConfigurationError(f"{at}: false_alarms is {said.false_alarms:g}", hint="a probability, 0.001 to 0.5")
    if bool(said.reference_from) != bool(said.reference_until):
        raise ConfigurationError(f"{at}: a declared reference has both ends", hint="reference_from, reference_until")
    if not said.reference_from:
        return
    try:
        since, until = (datetime.fromisoformat(end).timestamp() for end in (said.reference_from, said.reference_until))
    except (ValueError, OverflowError, OSError):
        hint = "2026-11-02 or 2026-11-02T08:00"
        raise ConfigurationError(f"{at}: reference_from and reference_until are times", hint=hint) from None
    if since >= until:
        raise ConfigurationError(f"{at}: reference_from is not before reference_until")


def _check_number(at: str, setting: str, value: float | None, *, least: float) -> None:
    if value is not None and not (least <= value <= LARGEST):
        raise ConfigurationError(f"{at}: {setting} is {value:g}", hint=f"a number from {least:g} on")


def _check_route(settings: Settings, name: str, route: Route, where: str) -> None:
    if not route.tiers:
        raise ConfigurationError(f"{where}: route `{name}` has no tier", hint="add [[routes.NAME.tiers]]")
    names = [tier_name(route, i) for i in range(len(route.tiers))]
    if len(set(names)) < len(names):
        raise ConfigurationError(f"{where}: route `{name}` has two tiers of one name: {', '.join(names)}")
    for tier in route.tiers:
        if tier.model not in settings.models:
            close = difflib.get_close_matches(tier.model, settings.models, n=1, cutoff=0.4)
            hint = f"did you mean `{close[0]}`?" if close else "add [models.NAME]"
            raise ConfigurationError(
                f"{where}: route `{name}` names model `{tier.model}`, which is not there", hint=hint
            )
        most = settings.models[tier.model].highest_label
        if most is not None and tier.highest_label is not None and not most.allows(tier.highest_label):
            raise ConfigurationError(
                f"{where}: route `{name}`: model `{tier.model}` may receive at most {most}, not {tier.highest_label}",
                hint="a tier narrows what its model may receive, and never widens it",
            )
        if tier.threshold is not None and not 0 <= tier.threshold <= 1:
            raise ConfigurationError(f"{where}: route `{name}`: threshold {tier.threshold} is not between 0 and 1")
    _check_budget(name, route, where)
    _check_guards(settings, name, route, where)
    _check_audit(settings, name, route, where)


def _check_budget(name: str, route: Route, where: str) -> None:
    at, budget = f"{where}: route `{name}`: budget", route.budget
    for soft, hard in (("soft", "hard"), ("soft_co2e", "hard_co2e")):
        warned, ends = getattr(budget, soft), getattr(budget, hard)
        _check_number(at, soft, warned, least=0)
        _check_number(at, hard, ends, least=0)
        if warned is not None and ends is not None and warned > ends:
            raise ConfigurationError(
                f"{at}: {soft} is {warned:g}, and {hard} {ends:g}", hint=f"{soft} is what is said before {hard} ends it"
            )


def _check_guards(settings: Settings, name: str, route: Route, where: str) -> None:
    said = route.guards
    for guard in (*said.input, *said.evidence, *said.draft, *said.output):
        if guard not in settings.guards:
            close = difflib.get_close_matches(guard, settings.guards, n=1, cutoff=0.4)
            hint = f"did you mean `{close[0]}`?" if close else "add [guards.NAME]"
            raise ConfigurationError(f"{where}: route `{name}` names guard `{guard}`, which is not there", hint=hint)


def _check_audit(settings: Settings, name: str, route: Route, where: str) -> None:
    """What was not asked for in so many words is left out where it cannot be (`audit_share`)."""
    if not 0 < route.agreement_at <= 1:
        raise ConfigurationError(f"{where}: route `{name}`: agreement_at {route.agreement_at} is not in (0, 1]")
    if route.audit is None:
        return
    if not 0 <= route.audit <= 1:
        raise ConfigurationError(f"{where}: route `{name}`: audit {route.audit} is not between 0 and 1")
    if route.audit and not settings.store.record_content:
        raise ConfigurationError(
            f"{where}: route `{name}`: an audit keeps what it draws until it ran, and [store] record_content is false",
            hint="audit = 0, or record_content = true",
        )
    if route.audit and len(route.tiers) == 1 and route.label_source == "agreement":
        raise ConfigurationError(
            f"{where}: route `{name}` has one tier, and no tier above it to agree with",
            hint='label_source = "person" or "judge", or audit = 0',
        )
