"""The file of a head: what was written is read, and whatever else is in a file is refused before it is unpacked."""

from __future__ import annotations

import io
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest

from palier.errors import ConfigurationError
from palier.heads import file as head_file
from palier.heads.file import Header, Trained
from palier.heads.ngrams import Ngrams
from palier.types import JSON

HEADER = Header(
    palier_head=1,
    labels=("a", "b", "c"),
    reads="both",
    temperature=0.8,
    encoder="words/1",
    dimension=4,
    ngrams=Ngrams(dimension=64),
    trained=Trained(examples=30, digest="0" * 64, counts=(10, 10, 10), date="2026-11-26"),
)


def arrays(header: Header = HEADER) -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    return {name: random.standard_normal(shape).astype(np.float32) for name, shape in header.shapes.items()}


def members(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(parts: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def npy(array: np.ndarray, *, allow_pickle: bool = False) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array, allow_pickle=allow_pickle)
    return buffer.getvalue()


def with_part(name: str, content: bytes) -> bytes:
    return packed(members(head_file.dump(HEADER, arrays())) | {name: content})


def with_header(**changes: object) -> bytes:
    tree: JSON = msgspec.json.decode(msgspec.json.encode(HEADER))
    tree.update(changes)
    return with_part("header.npy", npy(np.frombuffer(msgspec.json.encode(tree), np.uint8)))


def claims(name: str, description: str, rest: bytes = b"") -> bytes:
    """A part whose own header says what it wants."""
    words = description.encode().ljust(117) + b"\n"
    return with_part(name, b"\x93NUMPY\x01\x00" + len(words).to_bytes(2, "little") + words + rest)


def test_what_was_written_is_read() -> None:
    given = arrays()
    head = head_file.parse(head_file.dump(HEADER, given))
    assert head.header == HEADER
    for name, array in given.items():
        np.testing.assert_allclose(head.arrays[name], array, rtol=2e-3, atol=1e-6)
    assert head_file.dump(HEADER, given) == head_file.dump(HEADER, given), "the same head is the same file"


def test_numpy_reads_it_without_pickle(tmp_path: Path) -> None:
    (tmp_path / "x.head").write_bytes(head_file.dump(HEADER, arrays()))
    with np.load(tmp_path / "x.head", allow_pickle=False) as found:
        assert found["embedding"].shape == (4, 3)
        assert found["header"].tobytes() == msgspec.json.encode(HEADER)


def test_a_head_of_150_labels_is_below_5_megabytes() -> None:
    labels = tuple(f"label {i}" for i in range(150))
    trained = msgspec.structs.replace(HEADER.trained, counts=(1,) * 150)
    header = msgspec.structs.replace(
        HEADER, labels=labels, trained=trained, dimension=512, ngrams=Ngrams(dimension=2048)
    )
    assert len(head_file.dump(header, arrays(header))) < 1_000_000


def bomb() -> bytes:
    return with_part("bias.npy", b"\0" * 300_000_000)


def bomb_that_lies() -> bytes:
    """Its entries say 100 bytes, and it unpacks to many."""
    content = bytearray(with_part("bias.npy", b"\0" * 50_000_000))
    for mark, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        at = -1
        while (at := content.find(mark, at + 1)) >= 0:
            if int.from_bytes(content[at + offset : at + offset + 4], "little") == 50_000_000:
                content[at + offset : at + offset + 4] = (100).to_bytes(4, "little")
    return bytes(content)


HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "nothing": (lambda: b"", "cannot be unpacked"),
    "text": (lambda: b"PK no, it is not", "cannot be unpacked"),
    "a pickle": (lambda: pickle.dumps({"labels": ["a"]}), "cannot be unpacked"),
    "cut short": (lambda: head_file.dump(HEADER, arrays())[:-40], "cannot be unpacked"),
    "an empty archive": (lambda: packed({}), "has no header"),
    "a part too many": (lambda: with_part("extra.npy", b"x"), "other parts"),
    "a part that is missing": (
        lambda: packed({k: v for k, v in members(head_file.dump(HEADER, arrays())).items() if k != "bias.npy"}),
        "other parts",
    ),
    "a path": (lambda: with_part("../../bias.npy", b"x"), "other parts"),
    "packed otherwise": (
        lambda: packed(members(head_file.dump(HEADER, arrays())), zipfile.ZIP_LZMA),
        "packed in a way",
    ),
    "a bomb": (bomb, "at most"),
    "a bomb that lies": (bomb_that_lies, "cannot be unpacked|cut short|no array"),
    "objects": (
        lambda: with_part("bias.npy", npy(np.array([{}, {}, {}], dtype=object), allow_pickle=True)),
        "of type object|no array|at most",
    ),
    "doubles": (lambda: with_part("bias.npy", npy(np.zeros(3))), "of type float64"),
    "the other order of bytes": (lambda: with_part("bias.npy", npy(np.zeros(3, ">f4"))), "of type"),
    "by columns": (lambda: with_part("embedding.npy", npy(np.asfortranarray(np.zeros((4, 3), "<f2")))), "of type"),
    "another shape": (lambda: with_part("embedding.npy", npy(np.zeros((3, 4), "<f2"))), "the shape"),
    "too few numbers": (lambda: with_part("bias.npy", npy(np.zeros(3, "<f4"))[:-4]), "cut short"),
    "not a number": (lambda: with_part("bias.npy", npy(np.array([0, np.nan, 1], "<f4"))), "no finite number"),
    "infinite": (lambda: with_part("embedding.npy", npy(np.full((4, 3), np.inf, "<f2"))), "no finite number"),
    "no array at all": (lambda: with_part("bias.npy", b"hello"), "no array"),
    "a shape without end": (
        lambda: claims("bias.npy", "{'descr': '<f4', 'fortran_order': False, 'shape': (9999999999999,)}"),
        "cut short",
    ),
    "a negative shape": (
        lambda: claims("bias.npy", "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}", b"\0" * 12),
        "cut short|no array",
    ),
    "a shape that is code": (lambda: claims("bias.npy", "__import__('os').system('true')"), "no array"),
    "a header that is no JSON": (lambda: with_part("header.npy", npy(np.frombuffer(b"{", np.uint8))), "its header"),
    "a header of words": (lambda: with_part("header.npy", npy(np.zeros(2, "<f4"))), "its header is of type"),
    "another format": (lambda: with_header(palier_head=2), "format 2"),
    "one label": (lambda: with_header(labels=["a"]), "2 to 2000 labels"),
    "a label twice": (lambda: with_header(labels=["a", "a", "b"]), "each once"),
    "an empty label": (lambda: with_header(labels=["a", "b", " "]), "characters"),
    "no temperature": (lambda: with_header(temperature=0), "temperature"),
    "no encoder": (lambda: with_header(encoder=""), "names no encoder"),
    "an endless encoder": (lambda: with_header(dimension=2**40), "names no encoder"),
    "n-grams without number": (lambda: with_header(ngrams=None), "does not say which"),
    "endless n-grams": (lambda: with_header(ngrams={"dimension": 2**30}), "power of two"),
    "counts of others": (
        lambda: with_header(trained={**msgspec.to_builtins(HEADER.trained), "counts": [1]}),
        "examples",
    ),
    "too many labels for its arrays": (
        lambda: with_header(
            labels=[str(i) for i in range(1999)],
            ngrams={"dimension": 2**20},
            trained={**msgspec.to_builtins(HEADER.trained), "counts": [1] * 1999},
        ),
        "unpacked it has more",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused(tmp_path: Path, name: str) -> None:
    make, said = HOSTILE[name]
    file = tmp_path / "x.head"
    file.write_bytes(make())
    with pytest.raises(ConfigurationError, match=said) as raised:
        head_file.load(file)
    assert "x.head" in raised.value.message
    assert "palier distill" in raised.value.hint


def test_a_file_that_is_not_there_or_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        head_file.load(tmp_path / "none.head")
    monkeypatch.setattr(head_file, "MAX_FILE_BYTES", 100)
    (tmp_path / "large.head").write_bytes(head_file.dump(HEADER, arrays()))
    with pytest.raises(ConfigurationError, match="more than 100 bytes"):
        head_file.load(tmp_path / "large.head")


@pytest.mark.parametrize(
    "wrong", [{"bias": np.zeros(4)}, {"bias": np.full(3, np.nan)}, {"embedding": np.full((4, 3), 1e6)}]
)
def test_what_could_not_be_read_is_not_written(wrong: dict[str, np.ndarray]) -> None:
    with pytest.raises(ValueError, match=r"arrays|too large"):
        head_file.dump(HEADER, arrays() | wrong)


def test_vectors_of_another_shape_are_refused() -> None:
    head = head_file.parse(head_file.dump(HEADER, arrays()))
    for vectors in (None, np.zeros((1, 5), np.float32), np.zeros((2, 4), np.float32)):
        with pytest.raises(ValueError, match="a head needs 1 vectors of 4 numbers"):
            head.probabilities(["x"], vectors)


def test_products_of_axes_are_read_where_there_are_any() -> None:
    header = msgspec.structs.replace(HEADER, reads="embedding", ngrams=None, axes=2)
    given = arrays(header)
    head = head_file.parse(head_file.dump(header, given))
    vector = np.array([[0.5, -1.0, 2.0, 0.25]], np.float32)
    a, b = (vector @ head.arrays["axes"])[0]
    wanted = head.arrays["bias"] + vector @ head.arrays["embedding"]
    wanted = wanted + np.array([a * a, a * b, b * b]) @ head.arrays["products"]
    assert np.allclose(head.linear([""], vector), wanted, atol=1e-5)
    for axes, reads in ((-1, "embedding"), (10_000, "embedding"), (2, "ngrams")):
        with pytest.raises(ValueError, match="axes"):
            msgspec.structs.replace(header, axes=axes, reads=reads, ngrams=HEADER.ngrams)
