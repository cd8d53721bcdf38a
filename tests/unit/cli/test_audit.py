"""`palier audit` and `palier vault`: what is shown, what is found, and the exit status of each."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import subprocess
import sys
import time
from pathlib import Path

import apsw
import msgspec
import pytest
from typer.testing import CliRunner, Result

from palier.cli import app, terminal, vault
from palier.config import load
from palier.interfaces import Head
from palier.privacy.keys import KeySource
from palier.privacy.ledger import Chain
from palier.privacy.sealing import Sealer
from palier.stores.folder import DataFolder
from palier.stores.ledger import SqliteLedger
from palier.testing.ledger import clearance_of
from palier.types import Clearance, Label

EVIL = "\x1b]0;owned\x07\u202e"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PALIER_CONFIG", raising=False)
    monkeypatch.setenv("COLUMNS", "200")
    (tmp_path / "palier.toml").write_text('data = "data"\n')
    return tmp_path


def palier(*arguments: str, status: int = 0, stdin: str = "") -> Result:
    terminal.out.cache_clear()
    terminal.err.cache_clear()
    found = CliRunner().invoke(app, list(arguments), input=stdin)
    terminal.out.cache_clear()
    terminal.err.cache_clear()
    assert found.exit_code == status, (found.exit_code, found.output, found.exception)
    assert "Traceback" not in found.output
    return found


async def _leave(*entries: tuple[Clearance, bytes]) -> Head | None:
    settings = load(Path("palier.toml"))
    with DataFolder.claim(settings.folder) as folder:
        ledger = SqliteLedger.open(
            folder.ledger, Sealer(KeySource.of(settings).read()), Chain(), payload_days=settings.ledger.payload_days
        )
        for clearance, content in entries:
            await ledger.enter(clearance, "api.example.com", content)
        head = await ledger.head()
        await ledger.close()
    return head


def leave(*entries: tuple[Clearance, bytes]) -> Head:
    head = asyncio.run(_leave(*entries))
    assert head is not None
    return head


def some(count: int = 5) -> Head:
    return leave(*((clearance_of(f"chat-{i:024x}"), b"content %d" % i) for i in range(count)))


def keep_payloads() -> None:
    Path("palier.toml").write_text('data = "data"\n[ledger]\npayload_days = 2\n')


def tamper(sql: str) -> None:
    connection = apsw.Connection("data/ledger.db")
    connection.execute(sql)
    connection.close()


# --- looking -----------------------------------------------------------------------------------------------------


def test_nothing_has_left_yet() -> None:
    assert "nothing has left yet" in palier("audit").stderr
    assert palier("audit", "--json").stdout == ""
    assert "nothing has left" in palier("audit", "verify").stderr
    assert "there is no entry 1" in palier("audit", "show", "1", status=2).stderr
    assert "nothing is kept sealed" in palier("vault").stderr
    assert not Path("data").exists(), "looking makes nothing"


def test_what_left_newest_first() -> None:
    some(30)
    lines = palier("audit").stdout.splitlines()
    assert len(lines) == 21
    assert re.match(r"entry +when +to +for +label", lines[0])
    assert lines[1].startswith("30 ")
    assert lines[1].endswith("00000000001d")
    assert [line.split()[0] for line in palier("audit", "-n", "2").stdout.splitlines()[1:]] == ["30", "29"]


def test_filters_hold_together() -> None:
    leave(
        (clearance_of("chat-a", destination="cloud", label=Label.PUBLIC), b""),
        (clearance_of("chat-b", destination="cloud", label=Label.INTERNAL), b""),
        (clearance_of("chat-c", destination="other", label=Label.INTERNAL), b""),
    )

    def found(*arguments: str) -> list[int]:
        return [json.loads(line)["sequence"] for line in palier("audit", "--json", *arguments).stdout.splitlines()]

    assert found() == [3, 2, 1]
    assert found("--destination", "cloud") == [2, 1]
    assert found("--label", "internal") == [3, 2]
    assert found("--destination", "cloud", "--label", "internal") == [2]
    assert found("--trace", "chat-c") == [3]
    assert found("--since", "1h") == found("--since", "2020-01-01") == found("--since", "2020-01-01T10:00:00+02:00")
    assert found("--since", "1h") == [3, 2, 1]
    assert found("--since", "2999-01-01") == []
    assert "is no time" in palier("audit", "--since", "yesterday", status=2).stderr
    assert "is no time" in palier("audit", "--since", "", "--since", "7y", status=2).stderr


def test_one_entry() -> None:
    leave((clearance_of("chat-1"), b"12345"))
    shown = palier("audit", "show", "1").stdout
    for words in (
        "cloud at api.example.com, in eu-west",
        "support/tier-3",
        "chat-1",
        "redact: « 2 passages »",
        "2 passages",
    ):
        assert words in shown
    assert "1 IBAN, 2 PERSON, 3 Été" in shown
    assert json.loads(palier("audit", "show", "1", "--json").stdout)["size"] == 5
    assert "there is no entry 2" in palier("audit", "show", "2", status=2).stderr


def test_what_clients_wrote_does_not_reach_the_terminal_raw() -> None:
    leave((Clearance(purpose="draft", destination=EVIL, reason=EVIL, request=EVIL, principal=EVIL), b""))
    for arguments in (("audit",), ("audit", "show", "1"), ("audit", "--json")):
        shown = palier(*arguments).stdout
        assert "\x1b" not in shown
        assert "\u202e" not in shown


def test_a_line_of_json_is_what_was_chained() -> None:
    some(3)
    previous = None
    for line in palier("audit", "--json").stdout.splitlines()[::-1]:
        entry = json.loads(line)
        kept = bytes.fromhex(entry.pop("hash"))
        body = json.dumps(entry, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        if previous is not None:
            assert hashlib.sha256(previous + body).digest() == kept
        previous = kept


# --- payloads ----------------------------------------------------------------------------------------------------


def test_the_bytes_that_left() -> None:
    keep_payloads()
    content = "é\x1b[31m\x00".encode() + b"\xff"
    leave((clearance_of(), content))
    assert palier("audit", "show", "1", "--payload").stdout_bytes == content
    Path("same").write_bytes(content)
    Path("other").write_bytes(content + b"\n")
    assert "are what left" in palier("audit", "show", "1", "--compare", "same").stdout
    assert "are not what left" in palier("audit", "show", "1", "--compare", "other", status=3).stdout
    assert "cannot be read" in palier("audit", "show", "1", "--compare", "absent", status=2).stderr


def test_bytes_that_are_not_kept() -> None:
    some(1)
    assert "are not kept" in palier("audit", "show", "1", "--payload", status=2).stderr
    Path("same").write_bytes(b"content 0")
    assert "are what left" in palier("audit", "show", "1", "--compare", "same").stdout


def test_without_the_key_no_bytes_are_shown() -> None:
    keep_payloads()
    some(1)
    Path("data/vault.key").unlink()
    assert "is not there" in palier("audit", "show", "1", "--payload", status=2).stderr
    assert not Path("data/vault.key").exists(), "looking makes no key"
    assert "1 entry, intact" in palier("audit", "verify").stdout


# --- verifying ---------------------------------------------------------------------------------------------------


def test_an_intact_ledger() -> None:
    head = some(5)
    assert palier("audit", "verify").stdout == f"5 entries, intact, head {head.hash}\n"
    found = json.loads(palier("audit", "verify", "--json").stdout)
    assert (found["intact"], found["entries"], found["head"], found["problems"]) == (True, 5, head.hash, [])


def test_a_tampered_ledger() -> None:
    some(5)
    tamper("UPDATE entry SET body = replace(body, 'cloud', 'other') WHERE sequence = 3")
    shown = palier("audit", "verify", status=3).stdout
    assert "entry 3 was changed" in shown
    assert "to be trusted up to entry 2, of " + time.strftime("%Y-%m-%d") in shown
    found = json.loads(palier("audit", "verify", "--json", status=3).stdout)
    assert (found["intact"], found["trusted"], [fault["sequence"] for fault in found["faults"]]) == (False, 2, [3])


def test_an_entry_that_cannot_be_read_is_said() -> None:
    some(2)
    tamper("UPDATE entry SET body = '{' WHERE sequence = 1")
    assert "entry 1 of the ledger cannot be read" in palier("audit", "show", "1", status=2).stderr
    assert "palier audit verify" in palier("audit", status=2).stderr


def test_heads_find_what_the_ledger_itself_cannot_show(tmp_path: Path) -> None:
    told = msgspec.json.encode(some(5)).decode()
    Path("heads").write_text(told + "\n")
    some(2)
    assert "7 entries, intact" in (shown := palier("audit", "verify", "--heads", "heads").stdout)
    assert "1 exported heads agree" in shown
    assert "1 exported heads" in palier("audit", "verify", "--heads", "-", stdin=f"Nov 1 palier: {told}\n\n").stdout
    tamper("DELETE FROM entry WHERE sequence > 3")
    assert "3 entries, intact" in palier("audit", "verify").stdout
    shown = palier("audit", "verify", "--heads", "heads", status=3).stdout
    assert "entries 4 to 5 are missing at the end" in shown
    assert "to be trusted up to entry 3" in shown
    Path("data/ledger.db").unlink()
    assert "entries 1 to 5 are missing" in palier("audit", "verify", "--heads", "heads", status=3).stdout
    some(5)
    shown = palier("audit", "verify", "--heads", "heads", status=3).stdout
    assert "is of installation" in shown
    assert "none of it is to be trusted" in shown


def test_bad_heads() -> None:
    head = some(1)
    assert "cannot be read" in palier("audit", "verify", "--heads", "absent", status=2).stderr
    Path("heads").write_text("nothing\n")
    assert "no head in heads" in palier("audit", "verify", "--heads", "heads", status=2).stderr
    Path("heads").write_bytes(b'\xff\xfe{"at":\n' + msgspec.json.encode(head) + b"\n")
    found = palier("audit", "verify", "--heads", "heads")
    assert "1 lines of heads are no heads" in found.stderr
    assert "1 exported heads agree" in found.stdout


def test_a_copy_needs_no_settings(tmp_path: Path) -> None:
    some(4)
    Path("data/ledger.db").rename("copy.db")
    Path("palier.toml").unlink()
    for arguments in (("audit", "verify", "--file", "copy.db"), ("audit", "--file", "copy.db", "verify")):
        assert "4 entries, intact" in palier(*arguments).stdout
    assert len(palier("audit", "--file", "copy.db").stdout.splitlines()) == 5
    assert "api.example.com" in palier("audit", "show", "2", "--file", "copy.db").stdout
    assert "no ledger" in palier("audit", "verify", "--file", "absent.db", status=2).stderr
    Path("text").write_text("no database at all, though long enough to look at\n" * 20)
    assert "error" in palier("audit", "verify", "--file", "text", status=2).stderr


def test_a_damaged_file_is_not_intact(tmp_path: Path) -> None:
    leave(*((clearance_of(), b"") for _ in range(300)))
    whole = Path("data/ledger.db").read_bytes()
    Path("data/ledger.db").write_bytes(whole[: len(whole) // 2] + b"\xaa" * (len(whole) // 2))
    shown = palier("audit", "verify", status=3).stdout
    assert "NOT intact" in shown
    assert "the file ends there" in shown


def test_the_how_to_verifies_without_palier(repository: Path, tmp_path: Path) -> None:
    page = (repository / "docs" / "how-to" / "audit-what-left.md").read_text(encoding="utf-8")
    (script,) = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    head = some(20)

    def run() -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-I", "-c", script, "data/ledger.db"]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    assert run().stdout == f"20 entries, intact, head {head.hash}\n"
    tamper("DELETE FROM entry WHERE sequence = 7")
    assert "entry 7 is not as it was written" in run().stderr


# --- keys --------------------------------------------------------------------------------------------------------


def test_rotating() -> None:
    keep_payloads()
    some(3)
    old = Path("data/vault.key").read_text()
    shown = palier("vault", "rotate").stderr
    assert "a new key was made" in shown
    assert "3 payloads and 0 vault maps were sealed anew" in shown
    new = Path("data/vault.key").read_text()
    assert len(new.split()) == 1
    assert new != old
    assert palier("audit", "show", "2", "--payload").stdout == "content 1"
    Path("same").write_bytes(b"content 1")
    assert "are what left" in palier("audit", "show", "2", "--compare", "same").stdout, "by the key that was dropped"
    dropped, seals = (json.loads(line) for line in palier("vault", "--json").stdout.splitlines())
    assert (dropped["there"], dropped["payloads"], seals["seals"], seals["payloads"]) == (False, 0, True, 3)
    assert "dropped" in palier("vault").stdout
    for key in (old, new):
        assert key.strip() not in shown


def test_rotating_goes_on_where_it_was_killed() -> None:
    keep_payloads()
    some(3)
    source = KeySource.of(load(Path("palier.toml")))
    source.write([b"n" * 32, *source.read()])
    assert palier("audit", "show", "1", "--payload").stdout == "content 0"
    assert "went on" in palier("vault", "rotate").stderr
    assert source.read() == [b"n" * 32]
    assert palier("audit", "show", "1", "--payload").stdout == "content 0"


def test_a_gateway_that_runs_is_not_rotated_under() -> None:
    some(1)
    before = Path("data/vault.key").read_text()
    with DataFolder.claim(Path("data").absolute()):
        assert "in use" in palier("vault", "rotate", status=2).stderr
    assert Path("data/vault.key").read_text() == before


def test_a_lost_key_is_given_up(capsys: pytest.CaptureFixture[str]) -> None:
    keep_payloads()
    some(3)
    kept = Path("data/vault.key").read_text()
    Path("data/vault.key").unlink()
    assert "3 payloads" in palier("vault", "rotate", status=2).stderr
    assert "not there" in palier("vault").stdout
    terminal.err.cache_clear()
    asyncio.run(vault.give_up(load(Path("palier.toml"))))
    assert "3 payloads and 0 vault maps" in capsys.readouterr().err
    terminal.err.cache_clear()
    some(1)
    assert "given up on" in palier("vault").stdout
    assert "not there" in palier("audit", "show", "1", "--payload", status=2).stderr
    assert palier("audit", "show", "4", "--payload").stdout == "content 0"
    with Path("data/vault.key").open("a") as file:
        file.write(kept)
    assert palier("audit", "show", "1", "--payload").stdout == "content 0"


def test_the_gateway_starts_without_a_lost_key_when_told_so() -> None:
    keep_payloads()
    some(2)
    Path("data/vault.key").unlink()
    command = [sys.executable, "-m", "palier", "serve", "--port", "0", "--until-eof", "--without-lost-key"]
    for words in ("2 payloads and 0 vault maps of", "2 payloads and 0 vault maps of"):
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=60
        )
        assert done.returncode == 0, done.stderr
        assert words in done.stderr
    some(1)
    assert palier("audit", "show", "3", "--payload").stdout == "content 0"
