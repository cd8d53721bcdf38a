"""Spans of an open palier's requests, to the collector that `[telemetry]` names."""

from __future__ import annotations

import os

from palier import __version__
from palier.config import Settings
from palier.errors import ConfigurationError
from palier.interfaces import Connector
from palier.tracing.exporting import Exporter
from palier.types import Clearance, Label

_CONNECT_S, _ANSWER_S, _TOTAL_S = 3.0, 10.0, 15.0
OPENAI = "openai"
"""The provider of models behind an OpenAI-compatible URL, as the conventions name who is known by the API alone."""


def exporter_of(settings: Settings, connector: Connector) -> Exporter | None:
    """None where no collector is named. Raises `ConfigurationError`: the variable of its key is not set."""
    said = settings.telemetry
    if not said.otlp:
        return None
    headers = {"Content-Type": "application/json"}
    if said.authorization_env:
        key = os.environ.get(said.authorization_env, "")
        if not key:
            raise ConfigurationError(
                f"[telemetry]: the environment variable {said.authorization_env} is not set",
                hint="set it to the header Authorization that the collector wants, or leave authorization_env out",
            )
        headers["Authorization"] = key

    async def post(body: bytes) -> int:
        label = said.highest_label if said.content else Label.INTERNAL  # what was asked when, by nobody's name
        clearance = Clearance(purpose="telemetry", destination="otlp", label=label, reason="spans of requests")
        async with connector.post(
            said.otlp,
            body,
            headers=headers,
            on_premises=said.on_premises,
            connect_s=_CONNECT_S,
            first_byte_s=_ANSWER_S,
            total_s=_TOTAL_S,
            clearance=None if said.on_premises else clearance,
        ) as reply:
            return reply.status

    providers = {name: OPENAI for name, model in settings.models.items() if model.kind == "endpoint"}
    return Exporter(said, providers, post, __version__)
