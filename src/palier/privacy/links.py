"""Links of an answer, made inert where they lead elsewhere: a client that renders `![](https://x/?q=secret)` sends it.

Nothing is taken away. Of what would be a link or an image only the signs are broken by which a renderer knows it:
`https[:]//x[.]example/?q=...`, `] (`, `] :`, `< img`, `[&]#58;`. That reads the same in any context, in code and in
half a construct too, and needs no parser that would have to agree with each client's on where a construct begins. What
is let through (`Destinations`) is left letter by letter.

One pass from left to right, each sign judged by at most `HOLD` characters from it on: a stream gives what the whole
text gives, however it is cut.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from palier.privacy.code_spans import CodeSpans
from palier.privacy.destinations import CLEAR, Destinations

HOLD = 1024
"""The most characters of a stream that are held back. What has not ended by then is made inert."""
MAX_IMAGES = 3
"""Images of the evidence in one answer: which of many are shown, and in which order, can spell words too."""
_BEFORE = 320
"""Characters before a sign that are looked at: a host has 253 at most."""

_SIGN = re.compile(r"[:<&\]]|\.(?!\s|(?<=[0-9]\.)[0-9]{1,3}[^\w.\\-])")
"""A dot that ends a sentence or stands in a number is none: they are the most there is."""
_RUN = re.compile(r"[^\s<]*")
_LABEL = r"[^\s\x00-,./:-@\[-^`{-\x7f«»“”‘’‚„…–—·•¡¿‹›]"
_LABEL_BEFORE = re.compile(rf"{_LABEL}{{1,253}}\Z")
_LABELS = re.compile(rf"(?:\\?\.{_LABEL}+)+")
_SCHEME_BEFORE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,63}\Z")
_LOCAL_BEFORE = re.compile(r"(?:(?<![\w.+%'\-;:&=$,/\\])|(?<=mailto:))([\w.+%'-]{1,64}@)\Z", re.IGNORECASE)
_OPENING = re.compile(r"[\s()\[\]]")
_SINGLE = frozenset(("http", "https", "ftp", "ftps", "ws", "wss"))
"""Schemes for which browsers take one slash, too."""
_TAG = re.compile(r"</?([A-Za-z][^\s/>]*)")
"""As browsers see it: whatever stands in a name belongs to it."""
_BARE_END = re.compile(r"\s{0,8}/?>")
_MAYBE_END = re.compile(r"\s{0,8}/?\Z")
_POINTED = re.compile(r"<([^\s<>]*)")
_POINTED_DESTINATION = re.compile(r"<(?:(?:https?:)?//[^\s<>]*|[^\s<>/]*)>", re.IGNORECASE)
"""What stays as it is where it is taken for a tag, too."""
_AUTOLINK = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{1,31}:")
_ELEMENTS = (
    "script style iframe object embed base link meta form svg math xmp plaintext textarea title noscript noembed "
    "noframes frameset template select"
)
_ACTIVE = frozenset(_ELEMENTS.split())
"""Elements that do something without an attribute, or change how what follows is read."""
_ENTITY = re.compile(r"&(?:#[0-9]{1,8}|#[xX][0-9A-Fa-f]{1,7}|[A-Za-z][A-Za-z0-9]{1,31})(;?)")
_PLAIN_ENTITIES = frozenset("\"'<>&")
_SPACE = re.compile(r"\s*")
_DEFINES = re.compile(r"[:\\&<\x00-\x1f]|^/[/\\]")
_STATE = re.compile(r"\n|\[|[^\n\[]+")


class _Window(NamedTuple):
    """What can be seen from a sign on. `ends`: no more comes; `full`: no more is waited for."""

    text: str
    ends: bool
    full: bool

    @property
    def waits(self) -> bool:
        return not self.ends and not self.full


class _Verdict(NamedTuple):
    """`length` characters are done with; `instead` is what they become, None: what they are."""

    length: int
    instead: str | None = None


_ONE = _Verdict(1)


class InertLinks:
    """`allowed_hosts` (`*.example.org`: all below it) may be linked to in any way. `evidence` is the text and the URLs
    of the passages, and what the client wrote: links that stand there stay.

    `whole` is for a text, `feed` and `end` for a stream of one; one object per answer. It is meant for text that is
    rendered: leave out tool calls, and JSON that was asked for.
    """

    def __init__(
        self, allowed_hosts: Iterable[str] = (), evidence: Sequence[str] | Callable[[], Sequence[str]] = ()
    ) -> None:
        self._allowed_hosts = allowed_hosts
        self._evidence = evidence
        self._stream: _Scan | None = None
        """From the first sign on: most answers have none."""
        self._passed: list[str] = []
        self._dot = ""
        """A dot that may end a sentence, held back."""

    def whole(self, text: str) -> tuple[str, int]:
        """The text with its links made inert, and how many signs were broken."""
        scan = self._scan()
        return scan.take(text, last=True), scan.broken

    def feed(self, chunk: str) -> str:
        """What of the stream may go on now; at most `HOLD` characters are held back."""
        if self._stream is not None:
            return self._stream.take(chunk)
        text, self._dot = self._dot + chunk, ""
        sign = _SIGN.search(text)
        if sign is not None:
            if text[sign.start() :] != ".":
                self._stream = self._scan()
                self._stream.skip(self._passed)
                return self._stream.take(text)
            text, self._dot = text[:-1], "."
        self._passed.append(text)
        return text

    def end(self) -> str:
        """The rest of the stream."""
        return self._dot if self._stream is None else self._stream.take("", last=True)

    @property
    def broken(self) -> int:
        """How many signs of the stream were broken so far."""
        return 0 if self._stream is None else self._stream.broken

    def _scan(self) -> _Scan:
        evidence = self._evidence() if callable(self._evidence) else self._evidence
        return _Scan(Destinations(self._allowed_hosts, evidence))


class _Scan:
    """One text on its way through."""

    def __init__(self, to: Destinations) -> None:
        self.broken = 0
        self._to = to
        self._held = ""
        self._before = ""
        self._unread: list[str] = []
        """Went by without a sign: read with the next one, for most deltas have none."""
        self._images = 0
        self._is_image = False
        """Whether an image began in this paragraph: then what looks like a link may be one."""
        self._blank = True
        """Of the line so far: nothing but space and quotation marks."""
        self._code = CodeSpans()

    def take(self, chunk: str, *, last: bool = False) -> str:
        text = self._held + chunk if self._held else chunk
        self._held = ""
        sign = _SIGN.search(text)
        if sign is None:
            self._unread.append(text)
            return text
        if self._unread:
            self._note("".join(self._unread))
            self._unread.clear()
        out: list[str] = []
        at = 0
        while sign is not None:
            start = sign.start()
            if start > at:
                self._note(text[at:start])
                out.append(text[at:start])
            at = start
            seen = text[start : start + HOLD]
            full = len(seen) == HOLD
            verdict = _JUDGES[seen[0]](self, _Window(seen, last and not full, full))
            if verdict is None:
                self._held = text[start:]
                return "".join(out)
            passed = seen[: verdict.length]
            # A bracket that is put after a `!` looks like an image's from now on, so that twice is once.
            self._is_image |= (verdict.instead or "").startswith("[") and self._before.endswith("!")
            self._note(passed)
            self.broken += verdict.instead is not None
            out.append(passed if verdict.instead is None else verdict.instead)
            at += verdict.length
            sign = _SIGN.search(text, at)
        self._note(text[at:])
        out.append(text[at:])
        return "".join(out)

    def skip(self, passed: Iterable[str]) -> None:
        """Text without a sign that went by before."""
        self._unread.extend(passed)

    def _note(self, passed: str) -> None:
        """Remember what matters of what went by: what stands before, code, and whether an image began."""
        if not passed:
            return
        self._code.read(passed)
        if "\n" in passed or "[" in passed or self._blank:
            last = self._before[-1:]
            for piece in _STATE.findall(passed):
                self._step(piece, last)
                last = piece[-1]
        self._before = (self._before + passed)[-_BEFORE:]

    def _step(self, piece: str, last: str) -> None:
        if piece == "\n":
            if self._blank:
                self._is_image = False
            self._blank = True
            return
        if piece == "[" and last == "!":
            self._is_image = True
        if piece.strip(" \t\r>"):
            self._blank = False

    # --- the signs -----------------------------------------------------------------------------------------------

    def _colon(self, seen: _Window) -> _Verdict | None:
        """`scheme://`, and what browsers take for it."""
        text = seen.text
        if len(text) < 3 and seen.waits and (len(text) < 2 or text[1] in "/\\"):
            return None
        slashes = len(text) - len(text[1:].lstrip("/\\")) - 1 if len(text) > 1 else 0
        found = _SCHEME_BEFORE.search(self._before)
        scheme = found.group() if found is not None else ""
        if not slashes or (slashes < 2 and text[1:2] in "/\\" and scheme.lower() not in _SINGLE):
            return _ONE
        if len(scheme) == 1 and text[1] == "\\":
            return _ONE  # a drive of Windows
        run = self._run(seen, 1)
        if run is None:
            return None
        length = 0
        if scheme.lower() in ("http", "https") and run.startswith("//"):
            length = self._to.length(f"{scheme}:{self._link_text(run, scheme)}") - len(scheme)
        return _Verdict(length) if length > 0 else _Verdict(1, "[:]")

    def _link_text(self, run: str, scheme: str) -> str:
        """Of `[https://x](https://x)`, the first: where what follows is the rest of a link that may stay."""
        words, closing, rest = run.partition("](")
        destination = rest.partition(")")[0]
        opened = self._before[: len(self._before) - len(scheme)].endswith("[")
        is_link = bool(closing) and opened and ")" in rest and not re.search(r"[()\[\]]", destination)
        return words if is_link and self._allows(destination, rest, image=False) else run

    def _dot(self, seen: _Window) -> _Verdict | None:
        """`host.example`, which many clients make a link of by themselves; and the second half of an e-mail address."""
        text = seen.text
        before = self._before.removesuffix("\\")
        label = _LABEL_BEFORE.search(before)
        if label is None:
            return _ONE
        if len(text) < 2 and seen.waits:
            return None
        rest = _LABELS.match(text)
        if rest is None:
            return _ONE
        end = _first_mark(rest.group())
        if seen.waits and text[end:] in ("", "?", "#", ":", ".", "\\", "\\."):
            return None
        begin = label.start() + _last_mark(label.group())
        place, word = before[:begin], before[begin:]
        if not word or end < 2:
            return _ONE
        host = f"{word}{text[:end]}".replace("\\", "")
        is_domain = self._is_domain(host, place, seen, end)
        if is_domain is None:
            return None
        if not is_domain:
            return _Verdict(end)
        if place.endswith("@"):
            if self._is_address(host, place, text[end : end + 2]):
                return _Verdict(end)
        else:
            run = self._run(seen, 0)
            if run is None:
                return None
            length = self._to.length(word + run) - len(word)
            if length > 0 and not _goes_on(place):
                return _Verdict(length)
        return _Verdict(end, text[:end].replace(".", "[.]"))

    def _is_address(self, host: str, place: str, after: str) -> bool:
        """Whether `place` and `host` are an e-mail address that may stay, with nothing written on to it."""
        local = _LOCAL_BEFORE.search(place)
        if local is None or _has_tail(after) or "/" in _OPENING.split(place[: local.start(1)])[-1]:
            return False
        return self._to.allows_address(f"{local.group(1)}{host}")

    def _is_domain(self, host: str, place: str, seen: _Window, end: int) -> bool | None:
        """Whether clients could make a link of `host` that stands after `place` and before `end`. A file's name is
        none, nor is a number, nor a method in code. None where more must be seen.
        """
        after = seen.text[end : end + 2]
        place = place.replace("\\/", "/")
        alone = place.endswith(("//", "\\\\", "/\\"))
        labels = host.split(".")
        web = labels[0].lower() in ("www", labels[0][:-4].lower() + "_www")
        plain = all(letter.isalnum() or letter in "-_" for letter in labels[0])
        if place.endswith("/") and plain and not alone and not web:
            return False  # within a path
        ending = "".join(letter for letter in labels[-1] if unicodedata.category(letter) != "Cf").strip("-_").lower()
        forced = alone or place.endswith("@") or web
        tail = _has_tail(after)
        if not any(letter.isalpha() for letter in ending):
            is_address = len(labels) >= 4 or any(letter.isalpha() for letter in host)
            return is_address and (alone or tail or (len(labels) == 4 and place.endswith("@")))
        if forced or ending in CLEAR or ending.startswith("xn--"):
            return True
        if len(ending) < 2 or not (tail or len(labels) > 2):
            return False
        code = self._code.is_code(seen.text, waits=seen.waits)
        return None if code is None else not code

    def _bracket(self, seen: _Window) -> _Verdict | None:
        """`](` of a link or an image, `]:` of a definition."""
        text = seen.text
        if len(text) < 2:
            return None if seen.waits else _ONE
        if text[1] not in "(:":
            return _ONE
        defines = text[1] == ":"
        space = _SPACE.match(text, 2)
        start = space.end() if space is not None else 2
        if start == len(text) and seen.waits:
            return None
        end = _end_of_destination(text, start, parentheses=not defines)
        if end == len(text) and not seen.ends:
            return None if not seen.full else _Verdict(1, "] ")
        destination = text[start:end]
        if not destination or (defines and not _DEFINES.search(destination) and not self._looks_led(destination)):
            return _ONE
        run = self._run(seen, start)
        if run is None:
            return None
        if not self._allows(destination, run, image=defines or self._is_image):
            return _Verdict(1, "] ")
        return _ONE

    def _looks_led(self, destination: str) -> bool:
        """Whether the word after `]:` could be a host."""
        found = re.match(rf"{_LABEL}+(?:\.{_LABEL}+)+", destination)
        if found is None:
            return False
        return self._is_domain(found.group(), "", _Window(destination, True, False), found.end()) is not False

    def _allows(self, destination: str, run: str, *, image: bool) -> bool:
        """Whether a destination may stay one, with what is written on to it, if no renderer takes it for one."""
        if destination.startswith("<"):
            if not _POINTED_DESTINATION.fullmatch(destination):
                return False
            destination, run = destination[1:-1], run[1:]
        if not self._to.allows(destination, image=image):
            return False
        leads = destination.startswith("//") or destination[:5].lower() in ("http:", "https")
        if leads and not self._to.length(run.removeprefix("//")):
            return False
        if image and leads and not self._to.is_allowed_host(destination):
            self._images += 1
            return self._images <= MAX_IMAGES
        return True

    def _angle(self, seen: _Window) -> _Verdict | None:
        """`<tag attribute=...>` and `<https://...>`."""
        text = seen.text
        tag = _TAG.match(text)
        if tag is None:
            could_be = len(text) == 1 or text == "</"
            return None if could_be and seen.waits else _ONE
        end = tag.end()
        active = _is_active(tag.group(1).lower())
        broken = _Verdict(1, "< ")
        if end == len(text):
            return None if seen.waits else (broken if active or seen.full else _ONE)
        if _AUTOLINK.match(text, 1) or "@" in tag.group(1):
            return self._pointed(seen, broken)
        if _BARE_END.match(text, end):
            return broken if active else _ONE
        return None if seen.waits and _MAYBE_END.match(text, end) else broken

    def _pointed(self, seen: _Window, broken: _Verdict) -> _Verdict | None:
        """`<https://...>` and `<user@...>`: what goes on after a space or has no end is a tag to some."""
        found = _POINTED.match(seen.text)
        assert found is not None
        if found.end() == len(seen.text):
            return None if seen.waits else broken
        inside = found.group(1)
        if seen.text[found.end()] != ">":
            return broken
        if _AUTOLINK.match(inside):
            run = self._run(seen, 1)
            if run is None:
                return None
            return _ONE if self._allows(inside, run, image=False) else broken
        return _ONE if self._to.allows_address(inside) else broken

    def _ampersand(self, seen: _Window) -> _Verdict | None:
        """`&#58;` and `&colon;`: signs that are written as something else."""
        text = seen.text
        found = _ENTITY.match(text)
        if found is None:
            return None if seen.waits and re.fullmatch(r"&(?:#[xX]?|[A-Za-z])?", text) else _ONE
        if not found.group(1):
            return None if seen.waits and found.end() == len(text) else _ONE
        meant = html.unescape(found.group())
        return _Verdict(1, "[&]") if meant != found.group() and any(map(_is_sign, meant)) else _ONE

    @staticmethod
    def _run(seen: _Window, start: int) -> str | None:
        """What is written without a space from `start` on; None while it goes on, and nothing where it is too long."""
        found = _RUN.match(seen.text, start)
        assert found is not None
        if found.end() < len(seen.text) or seen.ends:
            return found.group()
        return "" if seen.full else None


_NO_TAIL = " \t\r\n.,;:!?'\"*_~)]}>|`»”’…"

_JUDGES: dict[str, Callable[[_Scan, _Window], _Verdict | None]] = {
    ":": _Scan._colon,
    ".": _Scan._dot,
    "]": _Scan._bracket,
    "<": _Scan._angle,
    "&": _Scan._ampersand,
}


def _is_active(name: str) -> bool:
    """Whether a tag does something without an attribute, or would be broken within its name."""
    parts = name.split("<")
    return not _ACTIVE.isdisjoint(parts) or (len(parts) > 1 and ":" in name) or "](" in name or "]:" in name


def _has_tail(after: str) -> bool:
    """Whether two characters after a host begin a path, a query, a part or a port."""
    return after[:1] == "/" or (after[:1] in ("?", "#", ":") and after[1:].strip(_NO_TAIL) != "")


def _goes_on(place: str) -> bool:
    """Whether `place` ends in a symbol that some renderers take for a letter of the host after it."""
    last = place[-1:]
    if last in ("`", "|"):
        return place[-2:-1].isalnum()
    return last in ("=", "+", "$", "^", "~") or (not last.isascii() and unicodedata.category(last)[0] == "S")


def _is_mark(letter: str) -> bool:
    """Whether a character of a label ends a word for some renderer: punctuation and symbols of all scripts."""
    return letter not in "-_" and unicodedata.category(letter)[0] in "PSZ"


def _last_mark(label: str) -> int:
    """Where the part of `label` begins that follows its last mark."""
    if label.isascii():
        return 0
    return max((place for place, letter in enumerate(label, 1) if _is_mark(letter)), default=0)


def _first_mark(labels: str) -> int:
    """How far `labels`, with their dots, go before a mark."""
    if labels.isascii():
        return len(labels)
    found = (at for at, letter in enumerate(labels) if letter not in ".\\" and _is_mark(letter))
    return len(labels[: next(found, len(labels))].rstrip(".\\"))


def _end_of_destination(text: str, start: int, *, parentheses: bool) -> int:
    """Where a destination that begins at `start` ends: at a space, or at the `)` that it did not open itself."""
    if text[start : start + 1] == "<":
        found = re.compile(r"<[^<>\n]*>?").match(text, start)
        return found.end() if found is not None else start
    depth = 0
    for at in range(start, len(text)):
        letter = text[at]
        if letter.isspace():
            return at
        if parentheses and letter == "(":
            depth += 1
        elif parentheses and letter == ")":
            if not depth:
                return at
            depth -= 1
    return len(text)


def _is_sign(letter: str) -> bool:
    """Whether a character is one that URLs are made of, or that hides among them."""
    if letter.isascii():
        return letter not in _PLAIN_ENTITIES
    plain = unicodedata.normalize("NFKC", letter)
    return (
        unicodedata.category(letter)[0] == "C"
        or letter in "。｡"
        or (plain != letter and plain.isascii() and plain != " ")
    )
