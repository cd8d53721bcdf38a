"""A backup of what runs, put back elsewhere; and what is refused."""

from __future__ import annotations

import asyncio
import json
import os
import random
import resource
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner, Result

from palier.app import Palier
from palier.backups.checking import SCHEMAS, check, placed, read
from palier.backups.making import Wanted, make
from palier.backups.manifest import MANIFEST, Manifest
from palier.backups.restoring import restore
from palier.cli import app, terminal
from palier.config import load, parse
from palier.errors import ConfigurationError, PalierError, StoreError
from palier.server.admin import AdminServer
from palier.server.backup_calls import Backup
from palier.server.remote import RemotePalier
from palier.stores.folder import DataFolder
from palier.stores.ledger_file import LedgerFile
from palier.stores.traces import SqliteTraces
from palier.testing.upstream import Upstream, answers
from palier.types import Document, Label, Principal

TOML = """
[models.quick]
kind = "fake"
file = "script.jsonl"
[routes.support]
collections = ["notes"]
audit = 0
policy = "rules/support.json"
[[routes.support.tiers]]
model = "quick"
highest_label = "restricted"
"""


def palier(*arguments: str, status: int = 0) -> Result:
    terminal.out.cache_clear()
    terminal.err.cache_clear()
    done = CliRunner().invoke(app, list(arguments))
    terminal.out.cache_clear()
    terminal.err.cache_clear()
    assert done.exit_code == status, (done.exit_code, done.output, done.exception)
    return done


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An installation that was asked something by two people, and has a document."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "rules").mkdir()
    (folder / "palier.toml").write_text(TOML)
    (folder / "rules" / "support.json").write_text("{}")
    (folder / "script.jsonl").write_text('{"answer": "It rings at noon [1]."}\n')

    async def main() -> None:
        async with Palier.open(folder / "palier.toml") as opened:
            words = "The zebrafinch rings at noon."
            await opened.put_documents([Document(collection="notes", id="bells.md", text=words, label=Label.PUBLIC)])
            for name in ("marie", "luc"):
                await opened.ask("Does the zebrafinch ring?", principal=Principal(name=name))

    asyncio.run(main())
    return folder


@pytest.fixture
def project(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it."""
    folder = tmp_path / "project"
    shutil.copytree(made, folder)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("PALIER_MODELS", str(tmp_path / "models"))
    monkeypatch.delenv("PALIER_CONFIG", raising=False)
    return folder


def backup(project: Path, name: str = "copy", **wanted: bool) -> tuple[Path, Manifest]:
    target = project.parent / name
    return target, make(load(project / "palier.toml"), project / "palier.toml", target, Wanted(**wanted))


async def known(project: Path) -> tuple[set[tuple[str, str]], bool]:
    """Who asked what, and whether the document is there."""
    async with Palier.open(project / "palier.toml") as opened:
        traces = await opened.list_traces()
        document = await opened.get_document("notes", "bells.md")
    return {(trace.id, trace.principal) for trace in traces.traces}, document is not None


def test_what_is_put_back_is_what_was(project: Path) -> None:
    before = asyncio.run(known(project))
    assert {who for _, who in before[0]} == {"marie", "luc"}
    told = palier("backup", "../copy").stderr
    assert "files" in told
    assert "keep it as safe" in told
    copy, back = project.parent / "copy", project.parent / "back"
    modes = {oct(path.stat().st_mode & 0o777) for path in copy.rglob("*")}
    assert modes == {"0o600", "0o700"}
    assert not list(copy.rglob("*-wal"))
    palier("restore-backup", str(copy), str(back))
    assert asyncio.run(known(back)) == before
    config = str(back / "palier.toml")
    assert "intact" in palier("audit", "verify", "-c", config).stdout
    findings = [json.loads(line) for line in palier("doctor", "--json", "-c", config).stdout.splitlines()]
    assert {one["check"] for one in findings} >= {"store traces.db", "store ledger.db"}
    assert not [one for one in findings if one["status"] == "fail"]
    assert (back / "rules" / "support.json").read_text() == "{}"
    for key in ("key", "audit-key", "fingerprint.key", "vault.key"):
        assert (back / ".palier" / key).read_bytes() == (project / ".palier" / key).read_bytes()


LONG = 'data = """\\\n{}"""'


@pytest.mark.parametrize("line", ['data = "{}"  # the large disk', "  'data'='{}'", 'data = "../live"', LONG])
def test_settings_that_name_a_folder_elsewhere_are_led_to_what_was_put_back(project: Path, line: str) -> None:
    """A gateway may be writing into the folder that they name."""
    live, config = project.parent / "live", project / "palier.toml"
    (project / ".palier").rename(live)
    config.write_text(f"# data = 'none'\n{line.format(live)}\n{TOML}")
    palier("backup", "../copy")
    before = {path: path.read_bytes() for path in live.rglob("*") if path.is_file()}
    told, back = palier("restore-backup", "../copy", "../back").stderr, project.parent / "back"
    assert (back / ".palier" / "traces.db").exists()
    if line == LONG:  # what palier cannot change is said
        assert "SET `data` OF palier.toml TO `.palier`" in told
        return
    assert "`data` of palier.toml is `.palier` now: it named " in told
    settings = load(back / "palier.toml")
    assert settings.folder == back / ".palier"
    assert msgspec.structs.replace(settings, data="", root="") == msgspec.structs.replace(
        load(config), data="", root=""
    )
    assert ("large disk" in line) == ("# the large disk" in (back / "palier.toml").read_text())
    asyncio.run(known(back))
    assert {path: path.read_bytes() for path in live.rglob("*") if path.is_file()} == before


def test_the_vault_key_may_be_left_out(project: Path) -> None:
    told = palier("backup", "../copy", "--without-vault-key").stderr
    assert "not in it: the key of what is kept sealed (vault.key)" in told
    assert not list((project.parent / "copy").rglob("vault.key"))
    made = json.loads(palier("backup", "../other", "--json").stdout)
    assert "data/vault.key" in [one["path"] for one in made["files"]]


def test_what_was_forgotten_since_is_forgotten_again(project: Path) -> None:
    copy, _ = backup(project)

    async def forget() -> None:
        async with Palier.open(project / "palier.toml") as opened:
            await opened.forget(user="marie", dry_run=True)
            await opened.forget(user="marie")
            await opened.forget(document="notes/bells.md")

    asyncio.run(forget())
    lines = (project / ".palier" / "erasures.jsonl").read_bytes()
    assert len(lines.splitlines()) == 2
    assert b"marie" not in lines
    assert "IS BACK" in palier("restore-backup", str(copy), "../warned").stderr
    told = palier("restore-backup", str(copy), "../back", "--erasures", ".palier").stderr
    assert "2 erasures since are done again" in told
    back = project.parent / "back"
    traces, document = asyncio.run(known(back))
    assert {who for _, who in traces} == {"forgotten", "luc"}
    assert not document
    data = b"".join(file.read_bytes() for file in (back / ".palier").iterdir() if file.is_file())
    assert b"marie" not in data
    assert not DataFolder(back / ".palier").erasures_again.exists()
    (project / "lines.jsonl").write_bytes(lines.replace(b'"key":"', b'"key":"0'))
    told = palier("restore-backup", str(copy), "../strange", "--erasures", "lines.jsonl").stderr
    assert "2 ERASURES CANNOT BE TOLD" in told


def test_no_byte_of_it_changes_unnoticed(project: Path) -> None:
    copy, manifest = backup(project)
    chance = random.Random(7)
    for one in manifest.files:
        file = placed(copy, one.path)
        good = file.read_bytes()
        for damaged in (good[:-1], good + b"x", _flipped(good, chance)):
            file.write_bytes(damaged)
            with pytest.raises(StoreError, match="damaged"):
                restore(copy, project.parent / "back")
        file.unlink()
        with pytest.raises(StoreError, match="damaged"):
            restore(copy, project.parent / "back")
        file.write_bytes(good)
    assert not list(project.parent.glob("back*"))
    check(copy, manifest)


def _flipped(good: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(good))
    return good[:at] + bytes([good[at] ^ (1 << chance.randrange(8))]) + good[at + 1 :]


def test_a_newer_one_and_what_is_none_are_refused(project: Path) -> None:
    copy, manifest = backup(project)
    back = project.parent / "back"

    def written(changed: object) -> None:
        (copy / MANIFEST).write_bytes(msgspec.json.encode(changed))

    written({"format": 2, "all": "different"})
    with pytest.raises(ConfigurationError, match="newer palier: it has the format 2"):
        restore(copy, back)
    newer = [msgspec.structs.replace(one, version=one.version + 90) if one.schema else one for one in manifest.files]
    written(msgspec.structs.replace(manifest, files=tuple(newer)))
    with pytest.raises(ConfigurationError, match=r"newer palier: data/.* has version 9"):
        restore(copy, back)
    for path in ("../evil", "/etc/passwd", "data/../../evil", "elsewhere/x"):
        evil = (msgspec.structs.replace(manifest.files[0], path=path),)
        written(msgspec.structs.replace(manifest, files=evil))
        with pytest.raises(StoreError, match="no file of a backup"):
            restore(copy, back)
    (copy / MANIFEST).write_bytes(b"{")
    with pytest.raises(ConfigurationError, match="damaged"):
        restore(copy, back)
    with pytest.raises(ConfigurationError, match=r"is no backup: it has no manifest\.json"):
        read(project)
    assert not list(project.parent.glob("back*"))


def test_nothing_is_overwritten_and_nothing_made_within(project: Path) -> None:
    copy, _ = backup(project)
    with pytest.raises(ConfigurationError, match="copy is there"):
        backup(project)
    with pytest.raises(ConfigurationError, match="project is there"):
        restore(copy, project)
    with pytest.raises(ConfigurationError, match="within the data folder"):
        backup(project, "project/.palier/copy")
    (project.parent / "late.partial").mkdir()
    with pytest.raises(ConfigurationError, match="or one was cut short"):
        backup(project, "late")


@contextmanager
def full_at(size: int) -> Iterator[None]:
    """As a disk on which no file grows beyond `size`."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("size", [1_000, 50_000])
def test_a_full_disk_is_told_and_nothing_is_left(project: Path, size: int) -> None:
    copy, _ = backup(project)
    with full_at(size), pytest.raises(PalierError) as told:
        backup(project, "other")
    assert told.value.hint
    with full_at(size), pytest.raises(StoreError):
        restore(copy, project.parent / "back")
    assert {path.name for path in project.parent.iterdir()} - {"models"} == {"copy", "project"}


async def test_while_it_is_asked_everything_named_is_there(tmp_path: Path) -> None:
    """The gateway makes it; all that left for a trace of the copy stands in the ledger of the copy."""
    async with Upstream() as upstream:
        upstream.default = answers("At noon.")
        toml = (
            f'[redaction]\nnames = "off"\n[models.cloud]\nkind = "endpoint"\nbase_url = "{upstream.url}"\nmodel = "large"\n[routes.cloud]\n'
            'audit = 0\n[[routes.cloud.tiers]]\nmodel = "cloud"\nhighest_label = "internal"\n'
        )
        (tmp_path / "palier.toml").write_text(toml)
        async with (
            Palier.open(tmp_path / "palier.toml") as opened,
            AdminServer(opened, opened.folder.admin_socket),
        ):
            remote = await RemotePalier.connect(opened.folder.admin_socket)
            assert remote is not None
            enough = asyncio.Event()

            async def ask() -> None:
                while not enough.is_set():
                    await opened.ask("Bonjour")

            asking = [asyncio.create_task(ask()) for _ in range(4)]
            for n in range(3):
                await asyncio.sleep(0.05)
                call = Backup(target=str(tmp_path / f"{n}"), config=str(tmp_path / "palier.toml"))
                await remote.call(call, Manifest)
            enough.set()
            await asyncio.gather(*asking)
    for n in range(3):
        copy = tmp_path / f"{n}"
        check(copy, read(copy))
        traces = SqliteTraces.open(copy / "data" / "traces.db")
        ids = {trace.id for trace in await traces.list(status="answered", limit=10_000)}
        await traces.close()
        ledger = LedgerFile.open(copy / "data" / "ledger.db")
        left = {link.entry.clearance.request for link in ledger.chain()}
        ledger.close()
        assert ids
        assert ids <= left
    assert set(SCHEMAS) <= {one.name for one in (tmp_path / "2" / "data").iterdir()}


def test_weights_are_named_and_come_along_where_they_are_wanted(tmp_path: Path) -> None:
    root = tmp_path / "project"
    (root / "w").mkdir(parents=True)
    (root / "w" / "small.gguf").write_bytes(os.urandom(1000))
    (root / "palier.toml").write_text('[models.m]\nkind = "engine"\nweights = "w/small.gguf"\n')
    settings = parse({"models": {"m": {"kind": "engine", "weights": "w/small.gguf"}}}, root=root)
    with DataFolder.claim(settings.folder):
        named = make(settings, root / "palier.toml", tmp_path / "named", Wanted())
        make(settings, root / "palier.toml", tmp_path / "whole", Wanted(weights=True))
    (one,) = named.weights
    assert (one.path, len(one.sha256), one.size) == ("", 64, 1000)
    (note,) = restore(tmp_path / "named", tmp_path / "a").notes
    assert f"SHA-256 {one.sha256}) are not there" in note
    assert restore(tmp_path / "whole", tmp_path / "b").notes == ()
    assert (tmp_path / "b" / "w" / "small.gguf").read_bytes() == (root / "w" / "small.gguf").read_bytes()
