"""The documentation agrees with the code: settings, commands, links, the file that `palier init` writes."""

from __future__ import annotations

import ast
import importlib.util
import re
from importlib import resources
from pathlib import Path
from types import ModuleType

import pytest

from palier import config

LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)[^)]*\)")


@pytest.fixture(scope="module")
def generate(repository: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", repository / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", ["settings.md", "command-line.md"])
def test_generated_pages_are_up_to_date(generate: ModuleType, repository: Path, page: str) -> None:
    written = (repository / "docs" / "reference" / page).read_text(encoding="utf-8")
    assert written == generate.PAGES[page](), f"{page} is old: python docs/generate.py"


def test_every_setting_says_what_it_means(generate: ModuleType, repository: Path) -> None:
    tree = ast.parse((repository / "src" / "palier" / "config" / "sections.py").read_text(encoding="utf-8"))
    sections = [node for node in tree.body if isinstance(node, ast.ClassDef) and generate._is_section(node)]
    assert {node.name for node in sections} >= {"Settings", "Server", "Store", "Model", "Route", "Tier"}
    silent = [
        f"{node.name}.{name}"
        for node in sections
        for name, _, _, meaning in generate.fields(node)
        if not meaning and name != "max_queue"
    ]
    assert not silent, silent


def test_links_between_pages_lead_somewhere(repository: Path) -> None:
    pages = [*(repository / "docs").rglob("*.md"), *repository.glob("*.md")]
    links = [(page, target) for page in pages for target in LINK.findall(page.read_text(encoding="utf-8"))]
    assert links
    broken = [
        f"{page.relative_to(repository)}: {target}"
        for page, target in links
        if "://" not in target and not (page.parent / target).exists()
    ]
    assert not broken, broken


def template() -> str:
    return resources.files("palier.cli").joinpath("template.toml").read_text(encoding="utf-8")


def test_the_template_is_valid(tmp_path: Path) -> None:
    file = tmp_path / "palier.toml"
    file.write_text(template(), encoding="utf-8")
    settings = config.load(file)
    assert [tier.model for tier in settings.routes["support"].tiers] == ["quote", "small"]


def test_what_the_template_comments_out_is_valid_too(tmp_path: Path) -> None:
    """Every commented setting, brought back: the names and the types are those of today."""
    lines = []
    for line in template().splitlines():
        bare = line.removeprefix("# ")
        setting = re.match(r"(\w+ = |\[)", bare) and line.startswith("# ")
        lines.append(bare if setting and not bare.startswith("weights = ") else line)
    file = tmp_path / "palier.toml"
    file.write_text("\n".join(lines), encoding="utf-8")
    settings = config.load(file)
    assert [tier.model for tier in settings.routes["support"].tiers] == ["quote", "small", "medium", "cloud"]
    assert settings.networks.on_premises


def test_how_tos_show_valid_settings(repository: Path, tmp_path: Path) -> None:
    """The TOML of each how-to, after a route for its tiers to stand in."""
    seen = 0
    for page in (repository / "docs" / "how-to").glob("connect-*.md"):
        blocks = re.findall(r"(?:^ {7}.*\n|^\n)+", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
        toml = "\n".join(re.sub(r"^ {7}", "", block, flags=re.MULTILINE) for block in blocks if "[models." in block)
        file = tmp_path / f"{page.stem}.toml"
        file.write_text(toml, encoding="utf-8")
        settings = config.load(file)
        seen += 1
        assert all(model.kind == "endpoint" and model.base_url for model in settings.models.values()), page
    assert seen == 4
