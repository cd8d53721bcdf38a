"""What reaches the terminal: inert text, exact JSON, numbers that say what they are."""

from __future__ import annotations

import errno
import json
import subprocess
import sys
import unicodedata
from pathlib import Path

import msgspec
import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from palier.cli import files, jsonl, terminal
from palier.errors import BudgetExceeded, Busy, InvalidRequest, NotFound, StoreError, TooLarge, Unavailable
from palier.types import Quantity


@pytest.mark.parametrize(
    "hostile",
    ["\x1b[2J", "\x1b]0;title\x07", "\x9b31m", "a\rb", "\u202eabc", "\u2066x\u2069", "\u2028", "\U000e0041", "\ud800"],
)
def test_hostile_text_is_inert(hostile: str) -> None:
    shown = terminal.inert(f"before {hostile} after")
    assert "\ufffd" in shown
    assert shown.startswith("before ")
    assert shown.endswith(" after")


@given(st.text())
def test_nothing_that_controls_a_terminal_remains(text: str) -> None:
    for character in terminal.inert(text):
        assert character in "\n\t" or unicodedata.category(character) not in ("Cc", "Cs", "Zl", "Zp")
        assert unicodedata.bidirectional(character) not in (
            "LRE",
            "RLE",
            "LRO",
            "RLO",
            "PDF",
            "LRI",
            "RLI",
            "FSI",
            "PDI",
        )


def test_french_and_emoji_pass_unchanged() -> None:
    text = "L'été, 29,99 €\u202fTTC : « où ? »\n\t👩\u200d🔧 œuf"
    assert terminal.inert(text) == text


def test_markup_is_not_read() -> None:
    assert terminal.styled("[bold red]no[/]").plain == "[bold red]no[/]"


@given(
    st.recursive(
        st.text() | st.integers() | st.none(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_json_lines_are_inert_and_exact(value: object) -> None:
    import contextlib
    import io

    written = io.StringIO()
    with contextlib.redirect_stdout(written):
        terminal.json_line({"value": value})
    text = written.getvalue()
    assert text.endswith("\n")
    assert terminal.inert(text) == text
    assert json.loads(text) == {"value": value}


@pytest.mark.parametrize(
    ("quantity", "words"),
    [
        (Quantity(), "unknown"),
        (Quantity(value=0.0, basis="measured"), "$0 (measured)"),
        (Quantity(value=0.0012, basis="estimated"), "$0.0012 (estimated)"),
        (Quantity(value=0.002, low=0.001, high=0.003, basis="estimated"), "$0.002 [$0.001 to $0.003] (estimated)"),
    ],
)
def test_a_cost_says_what_it_is(quantity: Quantity, words: str) -> None:
    assert terminal.dollars(quantity) == words


def test_a_threshold_says_that_it_is_not_calibrated() -> None:
    assert terminal.confidence(0.7, 0.5, calibrated=False) == "confidence 0.70, threshold 0.50 (not calibrated)"
    assert terminal.confidence(0.7, 0.5, calibrated=True) == "confidence 0.70, threshold 0.50"
    assert terminal.confidence(None, 0.5, calibrated=True) == "no confidence"


def test_one_line_is_one_line() -> None:
    assert terminal.one_line("a\n b\t c") == "a b c"
    assert terminal.one_line("abcdef", 4) == "abc…"


@pytest.mark.parametrize("text", ["\udce9", "caf\udce9"])
def test_bytes_of_the_command_line_that_are_no_text_are_an_error(text: str) -> None:
    def main() -> None:
        msgspec.json.encode({"source": text})

    with pytest.raises(typer.Exit) as left:
        terminal.run(main)
    assert left.value.exit_code == 2


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (StoreError("data/lessons.db: database or disk is full", hint="free some space"), 2, "free some space"),
        (TooLarge("route `support` has 50000 lessons"), 2, "50000 lessons"),
        (InvalidRequest("`yesterday` is no time"), 2, "is no time"),
        (NotFound("there is no version `x`", hint="palier versions lists them"), 2, "lists them"),
        (Busy("the queue is full"), 4, "full"),
        (BudgetExceeded("the route's $1 a day is spent"), 5, "is spent"),
        (Unavailable("the engine restarts"), 4, "restarts"),
        (OSError(errno.ENOSPC, "No space left on device", "out.jsonl"), 2, "out.jsonl: No space left on device"),
        (OSError(errno.EROFS, "Read-only file system", "out.jsonl"), 2, "Read-only file system"),
    ],
)
def test_each_error_has_the_status_that_the_table_gives_it(
    error: Exception, status: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def main() -> None:
        raise error

    terminal.err.cache_clear()
    with pytest.raises(typer.Exit) as left:
        terminal.run(main)
    terminal.err.cache_clear()
    assert left.value.exit_code == status
    assert words in capsys.readouterr().err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_output_that_goes_to_a_full_disk_says_so_and_is_no_traceback() -> None:
    program = """
import typer
from palier.cli import terminal
app = typer.Typer()
app.command()(lambda: terminal.run(lambda: terminal.json_line({})))
app()
"""
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([sys.executable, "-c", program], stdout=full, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 2
    assert b"No space left" in done.stderr
    assert b"Traceback" not in done.stderr


def test_a_line_without_an_end_is_cut_and_the_next_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAX_LINE", 8)
    (tmp_path / "some").write_bytes(b"x" * 50 + b"\n1234567\n12345678\nlast")
    with files.lines(tmp_path / "some") as lines:
        assert list(lines) == [b"x" * 8, b"1234567\n", b"12345678", b"last"]
    assert jsonl.MAX_LINE > 2**20, "what parsers say of a line that is too long is about less"
