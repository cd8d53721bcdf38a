"""What is sealed opens with its key, as what it belongs to, and in no other way."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from palier.errors import StoreError
from palier.privacy.sealing import Sealer, keyed_digest, new_key

OLD, NEW = b"o" * 32, b"n" * 32


@given(st.binary(max_size=2_000), st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_what_is_sealed_comes_back(content: bytes, belongs: str) -> None:
    sealer = Sealer([new_key()])
    sealed = sealer.seal(content, belongs)
    assert len(sealed) == len(content) + 37
    assert sealer.open(sealed, belongs) == content
    assert sealer.key_of(sealed) == sealer.key
    if len(content) > 3:
        assert content not in sealed


def test_the_same_is_never_sealed_the_same() -> None:
    sealer = Sealer([OLD])
    assert len({sealer.seal(b"content", "map:1") for _ in range(200)}) == 200


@given(st.binary(max_size=100), st.integers(0, 10_000), st.integers(1, 255))
def test_a_changed_byte_is_found(content: bytes, where: int, change: int) -> None:
    sealer = Sealer([OLD])
    sealed = bytearray(sealer.seal(content, "map:1"))
    sealed[where % len(sealed)] ^= change
    with pytest.raises(StoreError):
        sealer.open(bytes(sealed), "map:1")


@given(st.integers(0, 60))
def test_what_was_cut_short_is_found(length: int) -> None:
    sealer = Sealer([OLD])
    sealed = sealer.seal(b"x" * 24, "map:1")
    with pytest.raises(StoreError):
        sealer.open(sealed[: min(length, len(sealed) - 1)], "map:1")


@pytest.mark.parametrize("belongs", ["map:2", "payload:1", "map:", "map:1 ", ""])
def test_two_cannot_be_swapped(belongs: str) -> None:
    sealer = Sealer([OLD])
    with pytest.raises(StoreError, match="was changed"):
        sealer.open(sealer.seal(b"content", "map:1"), belongs)


def test_the_first_key_seals_and_all_open() -> None:
    old, ring = Sealer([OLD]), Sealer([NEW, OLD])
    assert ring.open(old.seal(b"before", "map:1"), "map:1") == b"before"
    assert list(ring.keys) == [ring.key, old.key]
    assert ring.key == Sealer([NEW]).key != old.key
    with pytest.raises(StoreError, match=f"the map 1 is sealed with the key {ring.key}, which is not there"):
        old.open(ring.seal(b"after", "map:1"), "map:1")


def test_a_digest_is_a_keyed_one() -> None:
    old, new = Sealer([OLD]), Sealer([NEW, OLD])
    digest = old.digest(b"content")
    assert digest == keyed_digest(old.digest_secret(), b"content")
    assert digest == hmac.new(old.digest_secret(), b"content", hashlib.sha256).hexdigest()
    assert digest not in (new.digest(b"content"), hashlib.sha256(b"content").hexdigest())


def test_nothing_that_is_shown_tells_of_the_key() -> None:
    sealer = Sealer([OLD])
    shown = repr(sealer) + repr(vars(sealer)) + sealer.key + sealer.digest(b"x")
    for secret in (OLD, sealer.digest_secret()):
        assert secret.hex() not in shown
        assert repr(secret)[2:-1] not in shown
    with pytest.raises(StoreError) as caught:
        sealer.open(b"", "map:1")
    assert OLD.decode() not in str(caught.value)
