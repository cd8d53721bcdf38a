"""A case to what is sent. Placeholders are replaced in one pass over the prompt: braces in texts stay as they are."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence

import msgspec

from palier.cards import ModelCard
from palier.cases import Case, Suite
from palier.errors import ConfigurationError
from palier.types import JSON, Message, Parameters

PLACES = ("input", "evidence", "labels")
SEED = 0
_PLACE = re.compile(r"\{\{(\w+)\}\}|\{([A-Za-z_]\w*)\}")
"""`{name}` is filled in; `{{name}}` is `{name}` itself. Other braces, as of JSON, mean nothing."""


def check(prompt: str, suite: Suite, where: str) -> None:
    """Raise `ConfigurationError` where `prompt` cannot be filled in for the cases of `suite`."""
    named = [match.group(2) for match in _PLACE.finditer(prompt) if match.group(2)]
    for name in named:
        if name not in PLACES:
            close = difflib.get_close_matches(name, PLACES, n=1, cutoff=0.5)
            meant = f"did you mean `{{{close[0]}}}`?" if close else f"there are {', '.join(f'{{{p}}}' for p in PLACES)}"
            raise ConfigurationError(
                f"{where}: nothing is known of `{{{name}}}`", hint=f"{meant}; `{{{{{name}}}}}` stands for itself"
            )
    if "input" not in named:
        raise ConfigurationError(f"{where} has no `{{input}}`: all cases would ask the same")
    if "labels" in named and not suite.labels:
        raise ConfigurationError(
            f"{where} has `{{labels}}`, and the suite has none", hint="labels = [...] in suite.toml"
        )
    if "evidence" in named and (bare := [case.id for case in suite.cases if not case.evidence]):
        raise ConfigurationError(
            f"{where} has `{{evidence}}`, and {len(bare)} cases have none, `{bare[0]}` the first",
            hint="without `{evidence}` the route's own passages stand in the prompt",
        )


def fill(prompt: str, text: str, case: Case, labels: Sequence[str] = ()) -> str:
    """`prompt` for `case`, with `text` in the place of `{input}`."""
    values = {"input": text, "evidence": "\n\n".join(case.evidence), "labels": ", ".join(labels)}

    def put(match: re.Match[str]) -> str:
        literal, name = match.groups()
        return f"{{{literal}}}" if literal else values.get(name, match.group())

    return _PLACE.sub(put, prompt)


def messages(case: Case, prompt: str, labels: Sequence[str] = ()) -> tuple[Message, ...]:
    """What a client would send: the prompt as one user turn; of a dialogue, in the place of its last user turn."""
    if not case.messages:
        return (Message(role="user", content=fill(prompt, case.input, case, labels)),)
    last = max((n for n, turn in enumerate(case.messages) if turn.role == "user"), default=-1)
    return tuple(
        msgspec.structs.replace(turn, content=fill(prompt, turn.content, case, labels)) if n == last else turn
        for n, turn in enumerate(case.messages)
    )


def parameters(suite: Suite, cards: Sequence[ModelCard]) -> Parameters:
    """How every case is asked: leaving nothing to chance where each tier allows it.

    A tier would be skipped for a parameter that it cannot honour: temperature and seed are sent where all can. A schema
    is part of what is asked, and stays.
    """
    fixed: JSON = {"temperature": 0.0, "seed": SEED}
    sent = {name: value for name, value in fixed.items() if all(name in card.capabilities for card in cards)}
    return Parameters(**sent, response_format=response_format(suite.schema))


def response_format(schema: JSON | None) -> JSON | None:
    """The OpenAI API's `response_format` for a JSON schema."""
    if schema is None:
        return None
    return {"type": "json_schema", "json_schema": {"name": "extraction", "schema": schema, "strict": True}}
