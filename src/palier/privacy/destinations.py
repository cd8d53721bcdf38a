"""Where links of an answer may lead: hosts that are allowed, and what stands in the evidence as it is.

A host that stands in the evidence is not enough. Whoever wrote a hostile passage could have put its own host there,
and a link made up by the model, `https://host/?q=...`, carries away whatever stands behind the question mark. So a URL
has to stand in the evidence letter by letter; for a link that somebody must follow, the pages above it will do as
well, for their paths say nothing that the evidence does not.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import cached_property

MAX_URLS = 4096
"""URLs of the evidence that are known; a passage has a handful."""

_HOST = r"\w(?:[\w.-]*\w)?"
_URL = re.compile(rf"(?:https?://)?(?P<host>{_HOST})(?P<port>:\d{{1,5}})?(?P<rest>[/?#]\S*)?", re.IGNORECASE)
_ALLOWED = re.compile(rf"(?:https?://)?(?P<host>{_HOST})(?::\d{{1,5}}(?!\d))?(?=[/?#]|$)", re.IGNORECASE)
_PATH = re.compile(r"(?:[\w/%?#,;.@'\-](?<!_)|_(?=[^\W_])|=(?!=)|\+(?!\+)|:(?![/\\])|&(?![#A-Za-z]\w*;))*")
"""What may follow an allowed host and stay one piece for every renderer: nothing that emphasis, tables, highlighting,
escapes or entities begin or end with, after which a renderer would look for a new link."""
_STANDS = re.compile(r"https?://[^\s<]+|(?<![\w@/.%-])(?:[\w-]+\.)+[^\W\d_]{2,}(?:[/?#][^\s<]*)?", re.IGNORECASE)
_ADDRESS = re.compile(r"[\w.+%'-]+@[\w.-]*\w")
_ENCLOSING = re.compile(r"[()\[\]{}|*\"`\\]")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_RELATIVE = re.compile(
    r"(?:#[\w-]*|(?:/(?![/\\])|\.{1,2}/)?(?P<first>[\w.-]*)(?P<more>(?:/[\w.-]*)*)(?P<part>#[\w-]*)?)"
)
CLOSING = ".,;:!?'\"*_~)]}>|`»”’…"
"""What ends a sentence or a construct rather than a URL."""


class Destinations:
    """`allowed_hosts` are names; `*.example.org` stands for all below example.org."""

    def __init__(self, allowed_hosts: Iterable[str], evidence: Sequence[str]) -> None:
        hosts = {form for host in allowed_hosts for form in _forms(host.strip().lower())}
        self._hosts = frozenset(host for host in hosts if not host.startswith("*."))
        self._below = tuple(host[1:] for host in hosts if host.startswith("*."))
        self._evidence = evidence

    def allows_host(self, host: str) -> bool:
        """Whether anything may be asked of `host`."""
        host = host.lower()
        return host in self._hosts or (bool(self._below) and host.endswith(self._below))

    def allows_address(self, address: str) -> bool:
        """Whether an e-mail address may be a link."""
        return self.allows_host(address.rpartition("@")[2]) or address.lower() in self._addresses

    def length(self, run: str) -> int:
        """How many characters of `run`, a URL or a domain with what is written on to it, may stay as they are; 0 where
        it may not be a link. Of a URL of the evidence that is all of it but for what closes a sentence.
        """
        url = run.rstrip(CLOSING)
        if self._is_quoted(url):
            return len(url)
        found = _ALLOWED.match(url)
        if found is not None and self.allows_host(found["host"]):
            path = _PATH.match(url, found.end())
            return path.end() if path is not None else found.end()
        return len(url) if _key(url) in self._above else 0

    def allows(self, destination: str, *, image: bool) -> bool:
        """Whether the destination of a link or an image, as it is written, may stay one."""
        text = destination
        if "\\" in text or html.unescape(text) != text or any(_is_hidden(letter) for letter in text):
            return False
        scheme = _SCHEME.match(text)
        if scheme is not None:
            kind = scheme.group().lower()
            if kind == "mailto:":
                return not image and self.allows_address(text[len(kind) :])
            return kind in ("http:", "https:") and text[len(kind) :].startswith("//") and self._leads(text, image)
        if text.startswith("//"):
            return self._leads(f"https:{text}", image)
        return self._stays(text, image)

    def is_allowed_host(self, url: str) -> bool:
        """Whether `url` leads to a host of the list, and not only to what stands in the evidence."""
        found = _URL.fullmatch(url)
        return found is not None and self.allows_host(found["host"])

    def _leads(self, url: str, image: bool) -> bool:
        if self._is_quoted(url) or self.is_allowed_host(url):
            return True
        return not image and _key(url) in self._above

    def _stays(self, path: str, image: bool) -> bool:
        """A path of the page's own host: without a query, and none that could be taken for a host."""
        found = _RELATIVE.fullmatch(path)
        if found is None or (image and not any(path in text for text in self._evidence)):
            return False
        first = found["first"] or ""
        if path.startswith(("/", ".")) or "." not in first.strip("."):
            return True
        return not (found["more"] or found["part"]) and first.count(".") == 1 and first.rpartition(".")[2] not in CLEAR

    def _is_quoted(self, url: str) -> bool:
        return _key(url) in self._quoted

    @cached_property
    def _quoted(self) -> frozenset[str]:
        found: set[str] = set()
        for text in self._evidence:
            for match in _STANDS.finditer(text):
                run = match.group()
                for form in (run, _ENCLOSING.split(run, maxsplit=1)[0]):
                    if key := _key(form.rstrip(CLOSING)):
                        found.add(key)
                if len(found) >= MAX_URLS:
                    return frozenset(found)
        return frozenset(found)

    @cached_property
    def _above(self) -> frozenset[str]:
        """The pages that stand above those of the evidence: nobody learns from their paths what it does not say."""
        above: set[str] = set()
        for key in self._quoted:
            host, *parts = re.split(r"[?#]", key, maxsplit=1)[0].split("/")
            path = host
            above.add(f"{host}/")
            for part in parts[:32]:
                path = f"{path}/{part}"
                above.update((path, f"{path}/") if part else ())
        return frozenset(above)

    @cached_property
    def _addresses(self) -> frozenset[str]:
        return frozenset(found.lower() for text in self._evidence for found in _ADDRESS.findall(text))


def _key(url: str) -> str:
    """A URL without its scheme, the host in small letters; empty for what is none."""
    found = _URL.fullmatch(url)
    if found is None:
        return ""
    return f"{found['host'].lower()}{found['port'] or ''}{found['rest'] or '/'}"


def _forms(host: str) -> Iterable[str]:
    """A host as it is written and, where it is not ASCII, as the name service knows it."""
    yield host
    if not host.isascii():
        try:
            yield host.encode("idna").decode("ascii")
        except UnicodeError:
            return


def _is_hidden(letter: str) -> bool:
    """A character that no reader sees, and that some readers of URLs leave out."""
    return letter != "\n" and unicodedata.category(letter)[0] == "C"


_ENDINGS = (
    "com net org edu gov mil int biz fr de uk be ch ca us eu es pt nl lu se dk cz hu ro bg gr ru ua tr cn jp kr au nz "
    "br mx ar za ma tn dz sn il ae sa tw hk sg th vn ph pk ir eg xyz icu su tk ga cf gq"
)
CLEAR = frozenset(_ENDINGS.split())
"""Endings by which two words with a dot between them are a domain, and no file, method or end of a sentence."""
