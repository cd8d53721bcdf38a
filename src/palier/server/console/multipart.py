"""A form with files as browsers send it (RFC 7578), from a body that is there whole and within its limit."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from palier.errors import InvalidRequest

MULTIPART = b"multipart/form-data"
MAX_PARTS = 200
MAX_HEADERS = 4_000
"""Bytes of what stands above a part."""
MAX_FIELD = 100_000
"""Bytes of a field that is no file."""
_BOUNDARY = re.compile(rb'boundary=(?:"([^"]{1,70})"|([^\s;,"]{1,70}))', re.IGNORECASE)
_DISPOSITION = re.compile(rb"^content-disposition:[ \t]*form-data(;.*)$", re.IGNORECASE | re.MULTILINE)
_NAME = re.compile(rb'; *name="([^"\r\n]*)"')
_FILE = re.compile(rb'; *filename="([^"\r\n]*)"')
_ESCAPED = {"%22": '"', "%0D": "\r", "%0A": "\n"}


class Sent(NamedTuple):
    """A file, as it is called where it came from."""

    name: str
    content: bytes


def parse(body: bytes, content_type: bytes) -> tuple[dict[str, str], list[Sent]]:
    """The fields, and the files in their order; a field of files of which none was chosen gives none.

    Raises `InvalidRequest`.
    """
    found = _BOUNDARY.search(content_type)
    if found is None:
        raise _broken("its Content-Type names no boundary")
    form: dict[str, str] = {}
    files: list[Sent] = []
    for head, content in _parts(body, b"--" + (found[1] or found[2])):
        said = _DISPOSITION.search(head)
        name = _NAME.search(said[1]) if said else None
        if said is None or name is None:
            raise _broken("a part has no name")
        file = _FILE.search(said[1])
        if file is None:
            if len(content) > MAX_FIELD:
                raise _broken(f"a field has more than {MAX_FIELD:,} bytes")
            form[_name(name[1])] = _text(content)
        elif file[1] or content:
            files.append(Sent(_name(file[1]), content))
    return form, files


def _parts(body: bytes, mark: bytes) -> Iterator[tuple[bytes, bytes]]:
    """What stands above each part, and the part."""
    if not body.startswith(mark):
        raise _broken("it does not begin with its boundary")
    place = len(mark)
    for _ in range(MAX_PARTS + 1):
        if body.startswith(b"--", place):
            return
        start = body.find(b"\r\n\r\n", place, place + MAX_HEADERS)
        end = body.find(b"\r\n" + mark, place)
        if not body.startswith(b"\r\n", place) or not 0 <= start < end:
            raise _broken("a part is cut short")
        yield body[place + 2 : start], body[start + 4 : end]
        place = end + 2 + len(mark)
    raise _broken(f"it has more than {MAX_PARTS} parts")


def _name(given: bytes) -> str:
    """A name as browsers escape it."""
    return re.sub("%22|%0D|%0A", lambda found: _ESCAPED[found.group()], _text(given))


def _text(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise _broken("a field or a name is not UTF-8") from None


def _broken(why: str) -> InvalidRequest:
    return InvalidRequest(f"the form cannot be read: {why}")
