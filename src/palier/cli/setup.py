"""`palier init`, `palier doctor`, `palier version`: before and around the gateway."""

from __future__ import annotations

import contextlib
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from palier import __version__
from palier.cli import terminal
from palier.cli.session import CONFIG, Config, Json
from palier.errors import ConfigurationError

if TYPE_CHECKING:
    from palier.server.doctor.finding import Finding

Folder = Annotated[Path, typer.Argument(help="The folder to write palier.toml in.", show_default="here")]


def init(folder: Folder = Path()) -> None:
    """Write a commented palier.toml."""
    terminal.run(lambda: _init(folder))


def _init(folder: Path) -> None:
    file = folder / "palier.toml"
    text = resources.files("palier.cli").joinpath("template.toml").read_text(encoding="utf-8")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="utf-8") as target:
            target.write(text)
    except FileExistsError:
        raise ConfigurationError(f"{file} is there already", hint="edit it, or name another folder") from None
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be written: {error.strerror}") from None
    terminal.note(f"wrote {file}")
    enter = [(f"cd {folder}", "go there, or name it: --config, or PALIER_CONFIG")] if folder != Path() else []
    for command, meaning in (*enter, *_NEXT):
        terminal.err().print(terminal.styled("  ", (f"{command:<37}", "bold"), meaning), soft_wrap=True)


_NEXT = (
    ("palier models pull smollm2-135m", "fetch the small model"),
    ("palier ingest PATH --label internal", "give it documents"),
    ('palier ask "..."', "ask"),
    ("palier serve", "answer applications, over the OpenAI API"),
    ("palier doctor", "check everything"),
)


def doctor(config: Config = CONFIG, as_json: Json = False) -> None:
    """Check the machine, the settings, the data, the models and the upstreams; say what to do about each.

    Exit status 2 where something is wrong here, as of every command that needs it; 4 where only an upstream or an
    engine is out of reach.
    """

    async def main() -> int:
        from palier.server.doctor.examination import examine, exit_status

        findings: list[Finding] = []
        async with contextlib.aclosing(examine(config)) as found:
            async for finding in found:
                findings.append(finding)
                if as_json:
                    terminal.json_line(finding)
                else:
                    _print(finding)
        return exit_status(findings)

    terminal.run(main)


_MARKS = {"ok": ("✓", "green"), "warn": ("!", "yellow"), "fail": ("✗", "bold red")}


def _print(finding: Finding) -> None:
    out = terminal.out()
    out.print(
        terminal.styled(_MARKS[finding.status], (f" {finding.check:<18} ", "bold"), finding.detail), soft_wrap=True
    )
    if finding.advice:
        out.print(terminal.styled(("  → ", "yellow"), finding.advice), soft_wrap=True)


def version() -> None:
    """Print the version."""
    terminal.out().print(__version__)
