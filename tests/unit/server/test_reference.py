"""docs/reference/openai-api.md is true: every field that is decoded stands in its table, and nothing else does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from palier.errors import PalierError
from palier.server import endpoint, limits, openapi
from palier.server.wire import Wire
from palier.server.wire_chat import REFUSED, ChatRequest
from palier.server.wire_completions import CompletionRequest
from palier.server.wire_embeddings import EmbeddingRequest

SECTIONS: dict[str, type[Wire]] = {
    "/v1/chat/completions": ChatRequest,
    "/v1/completions": CompletionRequest,
    "/v1/embeddings": EmbeddingRequest,
}


@pytest.fixture(scope="module")
def page(repository: Path) -> str:
    return (repository / "docs" / "reference" / "openai-api.md").read_text(encoding="utf-8")


def _section(page: str, title: str) -> str:
    return page.split(f"## {title}\n", 1)[1].split("\n## ", 1)[0]


def _rows(section: str) -> dict[str, str]:
    """First cell's words in backquotes, each to the second cell."""
    cells = [line.strip("|").split(" | ", 1) for line in section.splitlines() if line.startswith("| `")]
    return {name: meaning.strip() for first, meaning in cells for name in re.findall(r"`([^`]+)`", first)}


@pytest.mark.parametrize("path", SECTIONS)
def test_every_parameter_is_listed(page: str, path: str) -> None:
    listed = _rows(_section(page, f"Parameters of `{path}`"))
    assert set(listed) == set(SECTIONS[path].__struct_fields__)


def test_what_is_refused_is_said_to_be(page: str) -> None:
    listed = _rows(_section(page, "Parameters of `/v1/chat/completions`"))
    conditional = {"store", "service_tier", "modalities"}
    assert {name for name, meaning in listed.items() if meaning.startswith("refused")} == set(REFUSED) - conditional


def test_every_endpoint_is_listed_and_documented(page: str) -> None:
    section = _section(page, "Endpoints")
    for path in openapi.document()["paths"]:
        written = path.replace("{collection}", "{c}")
        assert f"{written}`" in section or f"{written}?" in section, path


def test_every_status_is_listed(page: str) -> None:
    def tree(kind: type[PalierError]) -> set[type[PalierError]]:
        return {kind}.union(*map(tree, kind.__subclasses__()))

    assert endpoint.MethodNotAllowed in tree(PalierError)
    errors = tree(PalierError) - {limits.ClientLeft}
    section = _section(page, "Errors")
    assert {str(error.status) for error in errors} == set(re.findall(r"^\| (\d{3}) \|", section, re.MULTILINE))
