"""Forms with files: what browsers send comes apart as it was put together, and what is none is refused."""

from __future__ import annotations

import httpx2
import pytest

from palier.errors import InvalidRequest
from palier.server.console.multipart import MAX_FIELD, MAX_PARTS, Sent, parse

KIND = b"multipart/form-data; boundary=xYz"
HEAD = b'--xYz\r\nContent-Disposition: form-data; name="a"\r\n\r\n'


def test_what_a_client_sends_comes_apart() -> None:
    content = b"\r\n--xYz?\r\n\0\xff\r\n--\r\n\n"
    files = [("files", ('a "b" é.txt', content)), ("files", ("empty.md", b"")), ("other", ("c", b"x", "text/plain"))]
    request = httpx2.Request("POST", "http://a", data={"csrf": "t%22", "label": ""}, files=files)
    form, sent = parse(request.read(), request.headers["content-type"].encode())
    assert form == {"csrf": "t%22", "label": ""}
    assert sent == [Sent('a "b" é.txt', content), Sent("empty.md", b""), Sent("c", b"x")]


def test_a_field_of_files_without_one_gives_none() -> None:
    body = b'--xYz\r\nContent-Disposition: form-data; name="f"; filename=""\r\n\r\n\r\n--xYz--\r\n'
    assert parse(body, b'multipart/form-data; boundary="xYz"') == ({}, [])


@pytest.mark.parametrize(
    ("body", "kind", "why"),
    [
        (b"", KIND, "begin"),
        (HEAD + b"x\r\n--xYz--", b"multipart/form-data", "no boundary"),
        (HEAD + b"x", KIND, "cut short"),
        (b"--xYz", KIND, "cut short"),
        (b"--xYz\r\nX: y\r\n\r\nz\r\n--xYz--", KIND, "no name"),
        (HEAD + b"\xff\r\n--xYz--", KIND, "UTF-8"),
        (HEAD + b"x" * (MAX_FIELD + 1) + b"\r\n--xYz--", KIND, "more than"),
        ((HEAD + b"x\r\n") * (MAX_PARTS + 2) + b"--xYz--", KIND, "parts"),
        (b"--xYz\r\n" + b"X: y" * 2_000 + b"\r\n\r\nz\r\n--xYz--", KIND, "cut short"),
    ],
)
def test_what_is_no_form_is_refused(body: bytes, kind: bytes, why: str) -> None:
    with pytest.raises(InvalidRequest, match=why):
        parse(body, kind)
