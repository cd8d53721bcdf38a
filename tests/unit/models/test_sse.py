"""Server-sent events, whole or cut anywhere."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from palier.errors import UpstreamGarbage
from palier.models.sse import MAX_EVENT_BYTES, Parser


def parse(*chunks: bytes) -> list[bytes]:
    parser = Parser("host")
    found = [data for chunk in chunks for data in parser.feed(chunk)]
    return [*found, *parser.close()]


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        (b"data: a\n\ndata: b\n\n", [b"a", b"b"]),
        (b"data: a\r\n\r\ndata: b\r\n\r\n", [b"a", b"b"]),
        (b"data: a\r\rdata: b\r\r", [b"a", b"b"]),
        (b"data:a\n\n", [b"a"]),
        (b"data:  two spaces\n\n", [b" two spaces"]),
        (b"data: a\ndata: b\n\n", [b"a\nb"]),
        (b": ping\n\ndata: a\n\n: ping\n\n", [b"a"]),
        (b"event: message\nid: 7\nretry: 3\ndata: a\n\n", [b"a"]),
        (b"\xef\xbb\xbfdata: a\n\n", [b"a"]),
        (b"data: a\n\ndata: [DONE]", [b"a", b"[DONE]"]),
        (b"data\n\n", [b""]),
        (b"", []),
        (b"\n\n\n", []),
    ],
)
def test_streams(stream: bytes, expected: list[bytes]) -> None:
    assert parse(stream) == expected


@given(
    texts=st.lists(st.text(st.characters(exclude_characters="\r\n", codec="utf-8"), min_size=1), max_size=6),
    ending=st.sampled_from(["\n", "\r\n", "\r"]),
    data=st.data(),
)
def test_where_it_is_cut_does_not_matter(texts: list[str], ending: str, data: st.DataObject) -> None:
    stream = "".join(f": comment{ending}data: {text}{ending}{ending}" for text in texts).encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    chunks = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert parse(*chunks) == [text.encode() for text in texts]


@given(st.lists(st.binary(max_size=40), max_size=10))
def test_any_bytes_are_read_to_the_end(chunks: list[bytes]) -> None:
    assert parse(*chunks) == parse(b"".join(chunks))


@pytest.mark.parametrize("ending", [b"", b"\n"])
def test_an_endless_event_is_garbage(ending: bytes) -> None:
    chunk = b"data: " + b"x" * 65536 + ending
    with pytest.raises(UpstreamGarbage, match="host sent an event"):
        parse(*[chunk] * (MAX_EVENT_BYTES // 65536 + 2))
