"""`palier redact`, `palier restore`: personal data out of JSON lines, and back into them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from palier.cli import jsonl, terminal
from palier.cli.session import CONFIG, Config
from palier.config import Redaction, load
from palier.errors import InvalidRequest
from palier.types import JSON

if TYPE_CHECKING:
    from palier.privacy.redaction import Redactor

Source = Annotated[Path | None, typer.Argument(metavar="[FILE]", help="JSON lines; standard input by default.")]
Language = Annotated[str, typer.Option("--language", help="The texts' language, for names.", show_default="told")]
Names = Annotated[
    bool | None,
    typer.Option(
        "--names/--no-names", help="Names by the models of the extra pii: needed, or not used.", show_default="if there"
    ),
]


def redact(source: Source = None, config: Config = CONFIG, language: Language = "", names: Names = None) -> None:
    """Replace personal data by placeholders. Reads id, text, language?; writes id, text, entities, map.

    The map is the personal data itself: keep it where you would keep the text.
    """

    async def main() -> int:
        from palier.privacy.redaction import Redactor

        redactor = Redactor(_settings(config, names))
        terminal.note(redactor.active)

        async def line(item: JSON) -> JSON:
            return await _redacted(redactor, item, language)

        return await jsonl.each_line(source, line, concurrency=1)

    terminal.run(main)


async def _redacted(redactor: Redactor, item: JSON, language: str) -> JSON:
    from palier.privacy.vault import Vault

    text = _text(item)
    said = item.get("language")
    entities = await redactor.entities(text, said if isinstance(said, str) and said else language)
    vault = Vault()
    redacted = vault.redact(text, entities)
    found = [
        {
            "type": entity.type,
            "start": entity.start,
            "end": entity.end,
            "text": entity.text,
            "placeholder": vault.placeholder(entity.type, entity.text),
            "score": round(entity.score, 3),
        }
        for entity in entities
    ]
    return {"text": redacted, "entities": found, "map": vault.map}


def restore(source: Source = None) -> None:
    """Put personal data back. Reads id, text, map; writes id, text, and `missed` where a placeholder was not known."""

    async def line(item: JSON) -> JSON:
        from palier.privacy.vault import Vault

        text, kept = _text(item), item.get("map")
        if not isinstance(kept, dict):
            raise InvalidRequest("`map` must be an object: the one that palier redact wrote", param="map")
        restored = Vault.from_map(kept).restore(text)
        missed = {"missed": list(restored.missed)} if restored.missed else {}
        return {"text": restored.text, **missed}

    async def main() -> int:
        return await jsonl.each_line(source, line)

    terminal.run(main)


def _text(item: JSON) -> str:
    text = item.get("text")
    if not isinstance(text, str):
        raise InvalidRequest("`text` must be a string", param="text")
    return text


def _settings(config: Path, names: bool | None) -> Redaction:
    """`[redaction]` of the settings, where there are any; --names and --no-names win over it."""
    settings = load(config).redaction if config.exists() or config != CONFIG else Redaction()
    if names is None:
        return settings
    return msgspec.structs.replace(settings, names="required" if names else "off")
