"""What a route's answers depend on, by name: a policy carries it, and holds only while nothing of it changes.

Documents are not part of it: they change every day, and the monitor watches what that does.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path

from palier.config import Model, Route, Settings
from palier.models.weights import hash_once
from palier.pipeline.landing import Landing

SIGNALS = "1"
"""Raised when the features of a draft, or the packaged confidence among them, come to mean something else."""
ASSEMBLY = "2"
"""Raised when the gate assembles prompts in another way."""
RETRIEVAL = "hybrid 1"
GUARDS = "1"
"""Raised when guards come to mean something else."""
MAX_DIGESTED = 256 * 2**20
"""Larger files are known by their size alone."""


def fingerprint(settings: Settings, route: Route, landings: Sequence[Landing], encoder: str) -> dict[str, str]:
    """Of `route` as it is wired. Reads the adapters' and the recordings' files."""
    found = {
        "encoder": encoder,
        "retrieval": f"{RETRIEVAL}, {route.passages} passages of {', '.join(sorted(route.collections)) or 'nothing'}",
        "signals": f"{SIGNALS} {_packaged('palier.routing')}",
        "assembly": ASSEMBLY,
        "guards": _guards(settings, route),
        "messages": f"labelled {route.message_label}",
    }
    for landing in landings:
        declared = settings.models[landing.model_name]
        found[f"{landing.name}.model"] = _model(settings, declared, landing)
        found[f"{landing.name}.prompt"] = short_digest(landing.to.system.encode())
        found[f"{landing.name}.receives"] = _received(landing)
        found[f"{landing.name}.writes"] = f"{landing.max_tokens} tokens"
        if landing is landings[-1]:  # below it the policy's own thresholds count
            found[f"{landing.name}.threshold"] = f"{landing.threshold:g}"
        if landing.adapter:
            path = settings.path(declared.adapters.get(landing.adapter, landing.adapter))
            found[f"{landing.name}.adapter"] = f"{landing.adapter} {_of_file(path)}"
    return found


def _guards(settings: Settings, route: Route) -> str:
    """Those that stand on the way of an answer, with all that their verdicts depend on."""
    said = route.guards
    stand = {"input": said.input, "evidence": said.evidence, "draft": said.draft, "output": said.output}
    found = []
    for place, names in stand.items():
        for name in names:
            declared = settings.guards[name]
            content = _of_file(settings.path(declared.file)) if declared.file else ""
            if declared.kind == "injection":
                content = _packaged("palier.guards")
            elif declared.kind == "grounding" and not declared.file:
                content = short_digest(files("palier.guards").joinpath("grounding.json").read_bytes())
            asked = repr(settings.models[declared.model]) if declared.model else ""
            found.append(f"{place} {name} {short_digest(f'{declared!r}{asked}'.encode())} {content}".strip())
    return f"{GUARDS} {'; '.join(found)}" if found else "none"


def _received(landing: Landing) -> str:
    to = landing.to
    words = f"{to.highest}, {landing.passages} passages"
    return ", ".join((words, *(["redacted"] if to.redact else []), *([to.barred] if to.barred else [])))


@cache
def _packaged(package: str) -> str:
    """Names what is packaged: the confidence, which is a signal too; what guards were fitted to."""
    folder = files(package).joinpath("fitted")
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith((".json", ".head", ".toml")))
    return short_digest(b"".join(folder.joinpath(name).read_bytes() for name in names))


def _model(settings: Settings, declared: Model, landing: Landing) -> str:
    """The source of answers, as precisely as it can be known without loading it."""
    card = landing.model.card
    weights = declared.sha256 or card.sha256
    parts = [
        declared.kind,
        declared.model or declared.weights or declared.card,
        f"at {declared.base_url}" if declared.base_url else "",
        f"sha256 {weights[:16]}" if weights else "",
        _of_file(settings.path(declared.file)) if declared.file else "",
        f"in {','.join(card.languages)}" if card.languages else "",
    ]
    if declared.weights and not weights:
        parts.append(_of_weights(settings.path(declared.weights)))
    if card.context:
        parts.append(f"{card.context} tokens over {declared.parallel}")
    parts.append(f"can {short_digest(' '.join(sorted(card.capabilities)).encode())}")
    return " ".join(filter(None, parts))


def short_digest(content: bytes) -> str:
    """Twelve hexadecimal digits that name `content`."""
    return hashlib.blake2b(content, digest_size=6).hexdigest()


def _of_weights(path: Path) -> str:
    """Once for a file: what it hashed to is remembered with its size and time."""
    try:
        return f"sha256 {hash_once(path)[:16]}"
    except OSError:
        return "missing"


def _of_file(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_DIGESTED:
            return _size(path)
        with path.open("rb") as file:
            return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=6)).hexdigest()
    except OSError:
        return "missing"


def _size(path: Path) -> str:
    try:
        return f"{path.stat().st_size} bytes"
    except OSError:
        return "missing"
