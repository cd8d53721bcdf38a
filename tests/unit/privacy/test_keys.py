"""Where keys stand, who may read them, and a rotation that is cut short anywhere."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from palier.config import parse
from palier.errors import ConfigurationError, StoreError
from palier.privacy.keys import KeySource, rotate
from palier.privacy.sealing import Sealer

A, B = b"a" * 32, b"\xff" * 32


def text(*keys: bytes) -> str:
    return "\n".join(base64.b64encode(key).decode() for key in keys) + "\n"


@pytest.fixture
def own(tmp_path: Path) -> KeySource:
    return KeySource.of(parse({"data": "."}, root=tmp_path))


def of(tmp_path: Path, **privacy: str) -> KeySource:
    return KeySource.of(parse({"privacy": privacy}, root=tmp_path))


def write(path: Path, content: str, mode: int = 0o600) -> Path:
    path.write_text(content)
    path.chmod(mode)
    return path


def test_the_first_start_makes_a_key_that_only_its_owner_reads(own: KeySource, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="not there"):
        own.read(make=False)
    assert not list(tmp_path.iterdir())
    (key,) = own.read()
    assert len(key) == 32
    assert own.read() == own.read(make=False) == [key]
    assert [(file.name, file.stat().st_mode & 0o777) for file in tmp_path.iterdir()] == [("vault.key", 0o600)]


def test_a_key_of_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = of(tmp_path, key_env="PALIER_TEST_KEY")
    with pytest.raises(ConfigurationError, match=r"PALIER_TEST_KEY.*not set"):
        source.read()
    monkeypatch.setenv("PALIER_TEST_KEY", text(A).strip())
    assert source.read() == [A]
    for between in (",", " ", ", ", "\n"):
        monkeypatch.setenv("PALIER_TEST_KEY", text(B).strip() + between + text(A))
        assert source.read() == [B, A]
    monkeypatch.setenv("PALIER_TEST_KEY", base64.urlsafe_b64encode(B).decode())
    assert source.read() == [B]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("bad", ["secret-word", "c2hvcnQ=", text(A)[:-3], text(A).strip() + ",", "é" * 44, "=" * 44])
def test_what_is_no_key_is_refused_and_not_repeated(bad: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PALIER_TEST_KEY", bad)
    with pytest.raises(ConfigurationError, match="no key") as caught:
        of(tmp_path, key_env="PALIER_TEST_KEY").read()
    assert bad.strip() not in str(caught.value)
    file = write(tmp_path / "k", bad)
    with pytest.raises(ConfigurationError, match="no key") as caught:
        of(tmp_path, key_file="k").read()
    assert file.read_text() == bad
    assert bad.strip() not in str(caught.value)


def test_an_empty_file_is_no_key_and_is_not_replaced(own: KeySource, tmp_path: Path) -> None:
    write(tmp_path / "vault.key", "")
    with pytest.raises(ConfigurationError, match="no key"):
        own.read()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_a_file_that_others_may_read_is_refused(mode: int, tmp_path: Path) -> None:
    file = write(tmp_path / "k", text(A), mode)
    with pytest.raises(ConfigurationError, match=f"chmod 600 {file}"):
        of(tmp_path, key_file="k").read()
    file.chmod(0o400)
    assert of(tmp_path, key_file="k").read() == [A]


def test_a_named_file_is_never_made(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="umask 077"):
        of(tmp_path, key_file="k").read()
    assert not list(tmp_path.iterdir())


def test_two_places_are_one_too_many(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="both"):
        of(tmp_path, key_file="k", key_env="K")


def test_too_many_keys(tmp_path: Path) -> None:
    write(tmp_path / "k", text(*(bytes([n]) * 32 for n in range(17))))
    with pytest.raises(ConfigurationError, match="17 keys"):
        of(tmp_path, key_file="k").read()


def test_what_cannot_be_written_stays_as_it_is(own: KeySource, tmp_path: Path) -> None:
    own.write([A])
    (tmp_path / "vault.key.new").mkdir()  # in the way
    with pytest.raises(StoreError, match="cannot be written"):
        own.write([B])
    assert own.read() == [A]


async def test_a_rotation(own: KeySource) -> None:
    own.write([A])
    rings: list[list[str]] = []

    async def reseal(sealer: Sealer) -> None:
        rings.append(list(sealer.keys))
        assert [Sealer([key]).key for key in own.read()] == rings[-1], "both keys stand there while it lasts"

    assert await rotate(own, reseal)
    (new,) = own.read()
    assert new != A
    assert rings == [[Sealer([new]).key, Sealer([A]).key]]
    assert own.file.stat().st_mode & 0o777 == 0o600


async def test_a_rotation_that_was_cut_short_is_gone_on_with(own: KeySource) -> None:
    own.write([A])

    async def killed(sealer: Sealer) -> None:
        raise KeyboardInterrupt

    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            await rotate(own, killed)
        assert own.read()[-1] == A
        assert len(own.read()) == 2, "no third key"
    new = own.read()[0]

    async def reseal(sealer: Sealer) -> None:
        assert sealer.key == Sealer([new]).key

    assert not await rotate(own, reseal)
    assert own.read() == [new]


async def test_keys_of_the_environment_are_the_operators(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = of(tmp_path, key_env="PALIER_TEST_KEY")
    monkeypatch.setenv("PALIER_TEST_KEY", text(A))

    async def reseal(sealer: Sealer) -> None:
        assert sealer.key == Sealer([B]).key

    with pytest.raises(ConfigurationError, match="NEW,OLD"):
        await rotate(source, reseal)
    monkeypatch.setenv("PALIER_TEST_KEY", text(B, A))
    assert not await rotate(source, reseal)
    assert not list(tmp_path.iterdir())
