"""Templates to pages: everything that is put into one is escaped and made visible, without being asked to."""

from __future__ import annotations

import functools
import hashlib
import json
import mimetypes
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from palier.errors import BudgetExceeded, NotFound, PalierError
from palier.server.console import inert
from palier.server.console.told import told
from palier.server.console.words import Words
from palier.server.replies import Headers, Reply

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
"""Nothing inline, nothing from elsewhere."""
PAGE_HEADERS: Headers = [
    (b"content-security-policy", POLICY.encode()),
    (b"referrer-policy", b"same-origin"),  # with "no-referrer", browsers send the forms of a page with `Origin: null`
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
]
_HTML = (b"content-type", b"text/html; charset=utf-8")
_FOLDERS = ("assets", "vendor")
_SERVED = (".css", ".js", ".svg")
_YEAR = b"max-age=31536000, immutable"


def finalize(value: Any) -> Any:
    """What is put into a template: texts with nothing unseen in them, and never the word `None`."""
    if isinstance(value, Markup):
        return value
    if isinstance(value, str):
        return inert.visible(value)
    return "" if value is None else value


@functools.cache
def environment() -> Environment:
    """The templates. A name that a page was not given is an error, not a blank."""
    made = Environment(
        loader=PackageLoader("palier.server.console", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters["link"] = inert.safe_link
    made.filters["cited"] = inert.cited
    made.filters["data"] = data
    made.filters["told"] = told
    made.globals["asset"] = asset
    made.globals["heading"] = heading
    return made


def data(value: Any) -> str:
    """JSON for an attribute, which the template escapes as any other text."""
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"))


def heading(words: Words, error: PalierError) -> str:
    """What stands above an error; of a budget, whose it is."""
    of_route = isinstance(error, BudgetExceeded) and error.whose == "route"
    return words.one_of("errors", "route_budget" if of_route else error.code, words("errors.title"))


def html(template: str, words: Words, *, status: int = 200, headers: Headers | None = None, **values: Any) -> Reply:
    """A page. It is not kept by browsers (`no-store`, as all that the gateway says)."""
    text = environment().get_template(template).render(t=words, **values)
    return Reply(text.encode(), status, [_HTML, *PAGE_HEADERS, *(headers or ())])


@functools.cache
def _files() -> dict[str, tuple[bytes, bytes, str]]:
    """Content, content type and digest of every file that pages load, by name."""
    found = {}
    for folder in _FOLDERS:
        for file in resources.files("palier.server.console").joinpath(folder).iterdir():
            if file.name.endswith(_SERVED):
                content = file.read_bytes()
                kind = mimetypes.types_map[file.name[file.name.rindex(".") :]]
                found[file.name] = (
                    content,
                    f"{kind}; charset=utf-8".encode(),
                    hashlib.sha256(content).hexdigest()[:12],
                )
    return found


def asset(name: str) -> str:
    """The address of a file that pages load: another one whenever the file is, so that browsers keep it."""
    return f"/console/static/{name}?v={_files()[name][2]}"


def file_reply(name: str, version: str) -> Reply:
    """The file. Raises `NotFound`."""
    if name not in _files():
        raise NotFound(f"there is no file `{name[:80]}`")
    content, kind, digest = _files()[name]
    kept = _YEAR if version == digest else b"no-cache"
    return Reply(content, 200, [(b"content-type", kind), (b"cache-control", kept), *PAGE_HEADERS])
