"""A head as it is kept: one file, an .npz of plain arrays with a JSON header; nothing in it is ever executed.

Members: `header` (the JSON, as bytes), `bias` (labels), and as the header says `embedding` (numbers of a sentence
embedding, labels), `ngrams` (buckets, labels), `rarity` (buckets), `axes` (numbers of an embedding, axes) and
`products` (pairs of axes, labels). Weights are float16: half the file, and what is
said changes in the fourth place. A file that is no head, too large, cut short, or of other shapes than its header says
is refused before anything large of it is unpacked.
"""

from __future__ import annotations

import io
import itertools
import math
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from palier.errors import ConfigurationError
from palier.heads.excerpt import Excerpt
from palier.heads.ngrams import Counted, Ngrams, count
from palier.heads.sketch import KEPT
from palier.interfaces import Vectors
from palier.types import Data

FORMAT = 1
MAX_FILE_BYTES = 64 * 2**20
MAX_UNPACKED = 128 * 2**20
MAX_LABELS = 2000
MAX_LABEL = 200
"""Characters of a label."""
_MAX_HEADER = 2**20
_MAX_DIMENSION = 16384
_MAX_AXES = 256
_PREAMBLE = 256
"""Bytes that precede the numbers of an array, at most."""

Read = Literal["embedding", "ngrams", "both"]


class Trained(Data, frozen=True, kw_only=True):
    """What a head was trained on, and what that showed (accuracy on examples it had not seen, 95 % interval)."""

    examples: int
    digest: str
    """SHA-256 of the examples, by which one knows the same again."""
    counts: tuple[int, ...]
    """Examples of each label."""
    date: str
    licence: str = ""
    source: str = ""
    accuracy: float | None = None
    accuracy_low: float | None = None
    accuracy_high: float | None = None
    sketch: tuple[int, ...] = ()
    """By which one knows some of their texts again (`heads.sketch`)."""

    def __post_init__(self) -> None:
        if len(self.sketch) > KEPT or any(b <= a for a, b in itertools.pairwise(self.sketch)):
            raise ValueError("what it keeps of its texts is none of a head's")


class Reject(Data, frozen=True, kw_only=True):
    """From where on no label is near enough: the highest linear scores of examples that were not taught."""

    inside: tuple[float, ...]
    """Their quantiles, rising: at (i / (n - 1))^2, since it is the lowest that matter."""
    refused: float
    """The share of them that is refused by default."""
    examples: int
    """How many they were."""
    outside: int = 0
    """Examples of what is out of scope that it was judged by."""
    recall: float | None = None
    """The share of those that is refused by default."""

    def __post_init__(self) -> None:
        if len(self.inside) < 2 or any(b < a for a, b in itertools.pairwise(self.inside)):
            raise ValueError("the scores from which it rejects do not rise")
        if not all(map(math.isfinite, self.inside)) or not 0 <= self.refused < 1:
            raise ValueError("the scores from which it rejects are no numbers")


class Header(Data, frozen=True, kw_only=True):
    """What is known of a head beside its numbers."""

    palier_head: int
    """The version of the format."""
    labels: tuple[str, ...]
    reads: Read
    temperature: float
    """By which linear scores are divided, so that probabilities are true (Guo et al., 2017)."""
    trained: Trained
    encoder: str = ""
    dimension: int = 0
    axes: int = 0
    """Directions of the embedding whose products, each two of them, are read too: a surface of the second degree."""
    ngrams: Ngrams | None = None
    languages: tuple[str, ...] = ()
    """Of all examples, where each said its own; none: any."""
    reject: Reject | None = None
    """Where it may say that none of its labels is meant."""
    excerpt: Excerpt | None = None
    """What was embedded of long texts when it was fitted, and is therefore when it is asked; none: the whole."""

    def __post_init__(self) -> None:
        if self.palier_head != FORMAT:
            raise ValueError(f"it has format {self.palier_head}, and this palier reads {FORMAT}")
        if not 2 <= len(self.labels) <= MAX_LABELS or len(set(self.labels)) < len(self.labels):
            raise ValueError(f"it needs 2 to {MAX_LABELS} labels, each once")
        if not all(label.strip() and len(label) <= MAX_LABEL for label in self.labels):
            raise ValueError(f"a label has 1 to {MAX_LABEL} characters")
        if not (math.isfinite(self.temperature) and 1e-3 <= self.temperature <= 1e3):
            raise ValueError(f"its temperature is {self.temperature}")
        if self.reads != "ngrams" and not (self.encoder and 0 < self.dimension <= _MAX_DIMENSION):
            raise ValueError("it reads embeddings, and names no encoder with a dimension")
        if not 0 <= self.axes <= (_MAX_AXES if self.reads != "ngrams" else 0):
            raise ValueError(f"it has {self.axes} axes")
        if self.reads != "embedding" and self.ngrams is None:
            raise ValueError("it reads n-grams, and does not say which")
        if len(self.trained.counts) != len(self.labels) or min(self.trained.counts) < 0:
            raise ValueError("it does not say how many examples each label had")

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The arrays and their shapes."""
        labels = len(self.labels)
        found: dict[str, tuple[int, ...]] = {"bias": (labels,)}
        if self.reads != "ngrams":
            found["embedding"] = (self.dimension, labels)
        if self.axes:
            found["axes"] = (self.dimension, self.axes)
            found["products"] = (self.axes * (self.axes + 1) // 2, labels)
        if self.reads != "embedding" and self.ngrams is not None:
            found["ngrams"] = (self.ngrams.dimension, labels)
            found["rarity"] = (self.ngrams.dimension,)
        return found


_TYPES = {"bias": "<f4", "embedding": "<f2", "ngrams": "<f2", "rarity": "<f2", "axes": "<f2", "products": "<f2"}


@dataclass(frozen=True, slots=True)
class Head:
    """Texts, with their sentence embeddings where it reads them, to a probability for each label."""

    header: Header
    arrays: Mapping[str, NDArray[np.float32]]

    @property
    def embeds(self) -> bool:
        """Whether it needs the vectors of texts."""
        return self.header.reads != "ngrams"

    def probabilities(self, texts: Sequence[str], vectors: Vectors | None) -> NDArray[np.float64]:
        """(n, labels), each row adding up to 1; `vectors` (n, dimension) where it `embeds`."""
        shifted = self.linear(texts, vectors).astype(np.float64) / self.header.temperature
        odds = np.exp(shifted - shifted.max(axis=1, keepdims=True))
        result: NDArray[np.float64] = odds / odds.sum(axis=1, keepdims=True)
        return result

    def linear(self, texts: Sequence[str], vectors: Vectors | None) -> NDArray[np.float32]:
        """The scores (n, labels) that probabilities are made of."""
        linear = np.tile(self.arrays["bias"], (len(texts), 1))
        if self.embeds:
            if vectors is None or vectors.shape != (len(texts), self.header.dimension):
                raise ValueError(f"a head needs {len(texts)} vectors of {self.header.dimension} numbers")
            linear += vectors @ self.arrays["embedding"]
            if self.header.axes:
                linear += products(vectors, self.arrays["axes"]) @ self.arrays["products"]
        if self.header.ngrams is not None and "ngrams" in self.arrays:
            counted = count(texts, self.header.ngrams).weighted(self.arrays["rarity"])
            linear += _times(counted, self.arrays["ngrams"])
        return linear


def products(vectors: Vectors, axes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Of vectors (n, d) along `axes` (d, k), the products of each two: (n, k (k + 1) / 2)."""
    along = vectors @ axes
    one, other = _each_two(axes.shape[1])
    result: NDArray[np.float32] = along[:, one] * along[:, other]
    return result


@cache
def _each_two(axes: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    one, other = np.triu_indices(axes)
    return one, other


QUANTILES = 201


def inside(scores: NDArray[np.floating]) -> tuple[float, ...]:
    """The quantiles of `Reject`, of the highest linear scores (n,) of examples."""
    levels = np.linspace(0, 1, QUANTILES) ** 2
    return tuple(round(float(value), 5) for value in np.quantile(scores, levels))


def further_in(quantiles: NDArray[np.float64], score: float) -> float:
    """The share of examples that lie further in than a text with this highest score, in [0, 1]."""
    levels = np.linspace(0, 1, len(quantiles)) ** 2
    return round(float(1 - np.interp(score, quantiles, levels)), 6)


def dump(header: Header, arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """The file. Raises `ValueError` where the arrays are not those of the header, or too large for float16."""
    if {name: np.shape(array) for name, array in arrays.items()} != header.shapes:
        raise ValueError("the arrays are not those of the header")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        words = np.frombuffer(msgspec.json.encode(header), np.uint8)
        for name, array in (("header", words), *((n, _narrow(n, a)) for n, a in arrays.items())):
            member = io.BytesIO()
            np.lib.format.write_array(member, array, version=(1, 0), allow_pickle=False)
            # A fixed time: the same head is the same file.
            archive.writestr(zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0)), member.getvalue(), compresslevel=6)
    return buffer.getvalue()


def load(path: Path) -> Head:
    """The head in a file. Raises `ConfigurationError` that says what is wrong with it."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be read: {error.strerror}", hint="palier distill --student head makes one"
        ) from None
    try:
        return parse(content)
    except ValueError as error:
        raise ConfigurationError(
            f"{path} is no head that can be used: {error}", hint="make it again: palier distill --student head"
        ) from None


def parse(content: bytes) -> Head:
    """The head in the bytes of a file. Raises `ValueError`, whatever they are."""
    if len(content) > MAX_FILE_BYTES:
        raise ValueError(f"it has more than {MAX_FILE_BYTES} bytes")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = {info.filename: info for info in archive.infolist()}
            if len(members) != len(archive.infolist()) or len(members) > 8:
                raise ValueError("it has other parts than a head has")
            header = _header(_member(archive, members, "header", _MAX_HEADER))
            shapes = header.shapes
            if set(members) != {f"{name}.npy" for name in ("header", *shapes)}:
                raise ValueError("it has other parts than a head has")
            sizes = {name: math.prod(shape) * np.dtype(_TYPES[name]).itemsize for name, shape in shapes.items()}
            if sum(sizes.values()) > MAX_UNPACKED:
                raise ValueError(f"unpacked it has more than {MAX_UNPACKED} bytes")
            arrays = {
                name: _array(name, _member(archive, members, name, sizes[name] + _PREAMBLE), shape)
                for name, shape in shapes.items()
            }
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError, KeyError) as error:
        raise ValueError(f"it cannot be unpacked: {str(error)[:200] or type(error).__name__}") from None
    return Head(header, arrays)


def _member(archive: zipfile.ZipFile, members: Mapping[str, zipfile.ZipInfo], name: str, most: int) -> bytes:
    """The bytes of a part. What its entry says of its size is what is unpacked at most."""
    info = members.get(f"{name}.npy")
    if info is None:
        raise ValueError(f"it has no {name}")
    if info.file_size > most:
        raise ValueError(f"its {name} has {info.file_size} bytes, and at most {most} are read")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"its {name} is packed in a way that is not read")
    with archive.open(info) as file:
        return file.read(most)


def _header(member: bytes) -> Header:
    words = _numbers("header", member, "|u1")
    try:
        return msgspec.json.decode(words.tobytes(), type=Header)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ValueError(f"its header: {error}") from None
    except RecursionError:
        raise ValueError("its header is nested too deeply") from None


def _array(name: str, member: bytes, shape: tuple[int, ...]) -> NDArray[np.float32]:
    found = _numbers(name, member, _TYPES[name])
    if found.shape != shape:
        raise ValueError(f"its {name} has the shape {found.shape}, and its header says {shape}")
    if not np.isfinite(found).all():
        raise ValueError(f"its {name} holds what is no finite number")
    return found.astype(np.float32)


def _numbers(name: str, member: bytes, kind: str) -> NDArray[Any]:
    """The array of a .npy, by its own header checked against what is there: nothing is allocated on its word."""
    file = io.BytesIO(member)
    try:
        if np.lib.format.read_magic(file) != (1, 0):
            raise ValueError("of another version")
        shape, by_columns, dtype = np.lib.format.read_array_header_1_0(file, max_header_size=1000)
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError) as error:
        raise ValueError(f"its {name} is no array: {str(error)[:200]}") from None
    if dtype != np.dtype(kind) or dtype.hasobject or by_columns:
        raise ValueError(f"its {name} is of type {dtype}, not {np.dtype(kind)}")
    rest = memoryview(member)[file.tell() :]
    if min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize != len(rest):
        raise ValueError(f"its {name} is cut short, or longer than it says")
    return np.frombuffer(rest, dtype).reshape(shape)


def _narrow(name: str, array: NDArray[Any]) -> NDArray[Any]:
    with np.errstate(over="ignore"):
        found: NDArray[Any] = np.ascontiguousarray(array, np.dtype(_TYPES[name]))
    if not np.isfinite(found).all():
        raise ValueError(f"{name} holds numbers that are too large, or none")
    return found


def _times(counted: Counted, weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n, labels): the rows of `weights` (buckets, labels) that each text has, added up."""
    result = np.zeros((len(counted), weights.shape[1]), np.float32)
    for row in range(len(counted)):
        part = slice(counted.starts[row], counted.starts[row + 1])
        result[row] = counted.values[part] @ weights[counted.buckets[part]]
    return result
