"""What a tier says, as the client reads it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from palier.interfaces import Admission
from palier.pipeline.outgoing import outgoing
from palier.privacy.vault import Vault
from palier.types import Delta, Event, Finish, Label, Parameters, Prompt

ADDRESS = 'Chez "Ada"\n12 rue des Lilas'


def told(answer: str, vault: Vault, size: int, response_format: dict[str, Any] | None) -> str:
    prompt = Prompt(id="r", parameters=Parameters(response_format=response_format))
    out = outgoing(Admission(verdict="redact", label=Label.INTERNAL, prompt=prompt, redactions=vault), None)
    came: list[Event] = [Delta(text=answer[at : at + size]) for at in range(0, len(answer), size)]
    events = [event for one in (*came, Finish(reason="stop")) for event in out.take(one)]
    return "".join(event.text for event in events if isinstance(event, Delta))


@pytest.mark.parametrize("size", [1, 7, 1000])
@pytest.mark.parametrize("form", ["json_object", "json_schema"])
def test_json_that_was_asked_for_is_json_with_its_values_back(form: str, size: int) -> None:
    vault = Vault()
    answer = json.dumps({"address": vault.placeholder("ADDRESS", ADDRESS)})
    assert json.loads(told(answer, vault, size, {"type": form})) == {"address": ADDRESS}


@pytest.mark.parametrize("form", [None, {"type": "text"}])
def test_values_come_back_to_text_as_they_were(form: dict[str, Any] | None) -> None:
    vault = Vault()
    assert told(f"You live at {vault.placeholder('ADDRESS', ADDRESS)}.", vault, 5, form) == f"You live at {ADDRESS}."
