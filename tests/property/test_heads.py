"""Laws of heads: a file is read as it was written or refused, and a text is answered whatever stands beside it."""

from __future__ import annotations

import contextlib

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.heads import embed, taught

from palier.heads import file as head_file
from palier.heads.file import Header, Trained
from palier.heads.ngrams import Ngrams

CONTENT = taught(each=5).content
LABELS = st.lists(
    st.text(st.characters(codec="utf-8"), min_size=1, max_size=20).filter(str.strip),
    min_size=2,
    max_size=6,
    unique=True,
)


@st.composite
def headers(draw: st.DrawFn) -> Header:
    labels = tuple(draw(LABELS))
    reads = draw(st.sampled_from(["embedding", "ngrams", "both"]))
    counts = tuple(draw(st.lists(st.integers(0, 99), min_size=len(labels), max_size=len(labels))))
    return Header(
        palier_head=1,
        labels=labels,
        reads=reads,
        temperature=draw(st.floats(0.01, 100)),
        encoder="" if reads == "ngrams" else "e/1",
        dimension=0 if reads == "ngrams" else draw(st.integers(1, 40)),
        ngrams=None if reads == "embedding" else Ngrams(dimension=2 ** draw(st.integers(0, 8))),
        languages=tuple(draw(st.lists(st.sampled_from(["fr", "en"]), unique=True))),
        trained=Trained(
            examples=sum(counts), digest="d", counts=counts, date="2026-11-26", licence=draw(st.text(max_size=9))
        ),
    )


@given(headers(), st.integers(0, 2**32 - 1))
@settings(deadline=None)
def test_what_is_written_is_read(header: Header, seed: int) -> None:
    random = np.random.default_rng(seed)
    arrays = {name: random.standard_normal(shape).astype(np.float32) for name, shape in header.shapes.items()}
    read = head_file.parse(head_file.dump(header, arrays))
    assert read.header == header
    again = head_file.parse(head_file.dump(read.header, read.arrays))
    for name, array in read.arrays.items():
        np.testing.assert_array_equal(array, again.arrays[name])
        np.testing.assert_allclose(array, arrays[name], rtol=1e-3, atol=1e-4)


@given(st.data())
@settings(deadline=None, max_examples=200)
def test_a_file_that_was_changed_is_refused_or_is_a_head(data: st.DataObject) -> None:
    content = bytearray(CONTENT)
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(content)))
    for hostile in (bytes(content), bytes(content[:cut])):
        with contextlib.suppress(ValueError):  # and nothing else
            head = head_file.parse(hostile)
            assert all(np.isfinite(array).all() for array in head.arrays.values())


@given(st.lists(st.text(max_size=60), min_size=1, max_size=6), st.randoms(use_true_random=False))
@settings(deadline=None)
def test_each_text_is_answered_by_itself_in_its_place(texts: list[str], random: object) -> None:
    head = head_file.parse(CONTENT)
    together = head.probabilities(texts, embed(texts))
    np.testing.assert_allclose(together.sum(axis=1), 1.0, atol=1e-9)
    order = list(range(len(texts)))
    random.shuffle(order)  # type: ignore[attr-defined]
    moved = [texts[i] for i in order]
    np.testing.assert_allclose(head.probabilities(moved, embed(moved)), together[order], atol=1e-5)
    for text, row in zip(texts, together, strict=True):
        np.testing.assert_allclose(head.probabilities([text], embed([text]))[0], row, atol=1e-5)
