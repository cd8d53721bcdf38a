"""One request's map between personal data and placeholders: out with the values, and back again.

The same value has the same placeholder in every text of the request. Nothing that the input holds can be taken for
a placeholder: what holds the request's nonce is itself replaced, so that to restore what was redacted is the identity.
What a model wrote is restored where it is still clear what was meant (`palier.privacy.placeholders`), also in a stream,
in which at most `Restoring.most_held` characters are held back. Values are in memory only, and shown by no `repr`.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping

import msgspec

from palier.errors import InvalidRequest, TooLarge
from palier.interfaces import Entity
from palier.privacy.placeholders import (
    CANONICAL,
    LITERAL,
    MOST_NUMBER,
    MOST_VARIANTS,
    NONCE,
    TYPE,
    Forms,
    forms,
    key,
    letter_of,
    new_nonce,
    squeezed,
    written,
)
from palier.types import Data

MOST_VALUES = 100_000
"""Values that one request may hold."""

USUAL = frozenset(
    (
        *(
            "ADDRESS",
            "BE_NN",
            "BIRTH_DATE",
            "CARD",
            "CA_SIN",
            "CH_AHV",
            "EMAIL",
            "IBAN",
            "ICCID",
            "IMEI",
            "IMSI",
            "IP",
            "MAC",
        ),
        *("MSISDN", "NIR", "PERSON", "PHONE", "SIREN", "SIRET", "UK_NINO", "US_SSN", LITERAL),
    )
)
"""Types that every vault knows, so that the expressions need not be built for each request."""

_BACKSLASHES = re.compile(r"\\+\Z")


class Restored(Data, frozen=True):
    """A text with its values back. `missed`: what looks like placeholders of this request and could not be restored."""

    text: str
    missed: tuple[str, ...] = ()


class Vault:
    """The map of one request. Not for several threads at once."""

    def __init__(self, nonce: str = "") -> None:
        self.nonce = nonce or new_nonce()
        if not NONCE.fullmatch(self.nonce):
            raise ValueError("a nonce is a letter, a digit, a letter, a digit, in capitals")
        self._nonces = {self.nonce}
        self._values: dict[str, str] = {}
        self._placeholders: dict[tuple[str, str], str] = {}
        self._numbers: dict[tuple[str, str], tuple[int, int]] = {}
        self._last: Counter[str] = Counter()
        self._counts: Counter[str] = Counter()
        self._keys: dict[str, str] = {}
        self._look_alike = re.compile(self.nonce, re.IGNORECASE)

    def __repr__(self) -> str:
        return f"Vault({len(self._values)} values)"

    @property
    def map(self) -> dict[str, str]:
        """Placeholder to value: all that `from_map` needs. It is the secret itself: seal it wherever it is kept."""
        return dict(self._values)

    @property
    def counts(self) -> dict[str, int]:
        """How many different values of each type were replaced."""
        return {name: count for name, count in sorted(self._counts.items()) if name != LITERAL}

    @classmethod
    def from_map(cls, kept: Mapping[str, str]) -> Vault:
        """The vault whose `map` was kept; several maps of different requests may be joined in one.

        Raises `InvalidRequest` where something in it is no placeholder; no value is named.
        """
        if not isinstance(kept, Mapping) or len(kept) > 10 * MOST_VALUES:
            raise InvalidRequest("`map` must be an object of placeholders and values", param="map")
        vault = cls()
        vault._nonces.clear()
        for placeholder, value in kept.items():
            match = CANONICAL.fullmatch(placeholder.upper()) if isinstance(placeholder, str) else None
            if not match or not isinstance(value, str):
                raise InvalidRequest("`map` holds what is no placeholder, or no text", param="map")
            name, number, letter, nonce = match.groups()
            variant = ord(letter) - ord("A") if letter else 0
            vault._keep(name, int(number), variant, nonce, value)
            vault._nonces.add(nonce)
        if len(vault._nonces) == 1:
            vault.nonce = min(vault._nonces)
        else:  # the numbers of several requests say nothing of each other
            vault._numbers.clear()
        vault._nonces.add(vault.nonce)
        vault._look_alike = re.compile("|".join(sorted(vault._nonces)), re.IGNORECASE)
        return vault

    def redact(self, text: str, entities: Iterable[Entity]) -> str:
        """`text` with the values of `entities` (in order, without overlaps) replaced. Raises `TooLarge`."""
        pieces: list[str] = []
        last = 0
        for entity in entities:
            if entity.start < last or entity.end > len(text) or entity.start >= entity.end:
                raise ValueError("entities must stand in the text, in order and without overlaps")
            pieces.append(self._guarded(text[last : entity.start], followed=True))
            pieces.append(self.placeholder(entity.type, text[entity.start : entity.end]))
            last = entity.end
        pieces.append(self._guarded(text[last:], followed=False))
        return "".join(pieces)

    def placeholder(self, type: str, value: str) -> str:
        """The placeholder of `value`, the same each time; another number for each value of a type."""
        name = type.upper()
        if known := self._placeholders.get((name, value)):
            return known
        if not TYPE.fullmatch(name):
            raise ValueError("a type is up to 32 letters, digits and underscores")
        number, variant = self._numbers.get((name, normalised(name, value)), (0, MOST_VARIANTS))
        variant += 1
        if variant >= MOST_VARIANTS:
            number, variant = self._last[squeezed(name)] + 1, 0
            if len(self._values) >= MOST_VALUES or number > MOST_NUMBER:
                raise TooLarge(f"more than {MOST_VALUES} values to replace in one request")
        return self._keep(name, number, variant, self.nonce, value)

    def restore(self, text: str) -> Restored:
        """`text` with the values back. No pass over what was put back: a value is never read as a placeholder."""
        restoring = Restoring(self)
        whole = restoring.feed(text) + restoring.end()
        return Restored(whole, restoring.missed)

    def restore_json(self, arguments: str) -> Restored:
        """As `restore`, inside the strings of JSON (the arguments of a tool call): values are escaped as JSON wants."""
        restoring = Restoring(self, json=True)
        whole = restoring.feed(arguments) + restoring.end()
        return Restored(whole, restoring.missed)

    def restoring(self, *, json: bool = False) -> Restoring:
        """For a stream of text, or of fragments of JSON."""
        return Restoring(self, json=json)

    def sealable(self) -> bytes:
        """The map as JSON, to be kept sealed."""
        return msgspec.json.encode(self._values)

    def _guarded(self, text: str, *, followed: bool) -> str:
        """A stretch without entities, what could be taken for (a part of) a placeholder replaced.

        Backslashes right before a placeholder would be read as its escapes.
        """
        if not self._look_alike.search(text) and not (followed and text.endswith("\\")):
            return text
        pieces: list[str] = []
        last = 0
        for match in self._look_alike.finditer(text):
            pieces.append(self._without_backslashes(text[last : match.start()]))
            pieces.append(self.placeholder(LITERAL, match.group()))
            last = match.end()
        pieces.append(self._without_backslashes(text[last:]) if followed else text[last:])
        return "".join(pieces)

    def _without_backslashes(self, text: str) -> str:
        match = _BACKSLASHES.search(text) if text.endswith("\\") else None
        return text[: match.start()] + self.placeholder(LITERAL, match.group()) if match else text

    def _keep(self, name: str, number: int, variant: int, nonce: str, value: str) -> str:
        placeholder = written(name, number, variant, nonce)
        self._counts[name] += variant == 0 and placeholder not in self._values
        self._values[placeholder] = value
        self._placeholders[name, value] = placeholder
        self._keys[key(name, str(number), letter_of(variant), nonce)] = value
        last = squeezed(name)
        self._last[last] = max(self._last[last], number)
        same = name, normalised(name, value)
        self._numbers[same] = max(self._numbers.get(same, (0, 0)), (number, variant))
        return placeholder

    def _forms(self) -> Forms:
        return forms(USUAL.union(self._counts))


class Restoring:
    """Puts values back in a text that comes in chunks; however it is cut, the whole is the same.

    What may be the beginning of a placeholder is held back until it is clear, at most `most_held` characters.
    """

    def __init__(self, vault: Vault, *, json: bool = False) -> None:
        self._vault = vault
        self._json = json
        self._forms = vault._forms()
        self._held = ""
        self._before = ""
        self._missed: list[str] = []

    @property
    def most_held(self) -> int:
        """The bound of what is held back, in characters: those of the longest way to write a placeholder."""
        return self._forms.longest

    @property
    def held(self) -> int:
        """Characters that are held back now."""
        return len(self._held)

    @property
    def missed(self) -> tuple[str, ...]:
        """What looked like placeholders of this request so far and could not be restored, at most a hundred."""
        return tuple(self._missed)

    def feed(self, chunk: str) -> str:
        """The next chunk; what can be said of the text now."""
        if not chunk:
            return ""
        text = self._before + self._held + chunk
        begin = len(self._before)
        match = self._forms.begun.search(text, max(begin, len(text) - self._forms.longest))
        return self._put_back(text, begin, match.start() if match else len(text))

    def end(self) -> str:
        """The text is over: what was held back."""
        text = self._before + self._held
        return self._put_back(text, len(self._before), len(text))

    def _put_back(self, text: str, begin: int, until: int) -> str:
        """The text from `begin` to `until` (or the end of a placeholder that goes on there), the rest held back."""
        pieces: list[str] = []
        position = last = begin
        while (match := self._forms.whole.search(text, position)) is not None and match.start() < until:
            value = self._meaning(match)
            if value is not None:
                pieces += (text[last : match.start()], value)
                last = match.end()
            elif self._is_ours(match):
                self._miss(match.group())
            else:
                position = match.start() + 1
                continue
            position = match.end()
            until = max(until, position)
        pieces.append(text[last:until])
        self._held = text[until:]
        self._before = text[max(0, until - 1) : until]
        return "".join(pieces)

    def _meaning(self, match: re.Match[str]) -> str | None:
        """The value that a match stands for; None where there is none."""
        found = match.groupdict()
        for n in "123":
            if found[f"nonce{n}"] is not None:
                parts = (found[f"{part}{n}"] for part in ("type", "number", "variant", "nonce"))
                value = self._vault._keys.get(key(*parts))
                return _escaped(value) if self._json and value is not None else value
        return None

    def _is_ours(self, match: re.Match[str]) -> bool:
        """Whether what cannot be restored looks like ours: by its brackets and type, or by the nonce."""
        found = match.groupdict()
        if found["broken"] or found["nonce1"]:
            return True
        return (found["nonce2"] or found["nonce3"] or found["alone"]).upper() in self._vault._nonces

    def _miss(self, text: str) -> None:
        if len(self._missed) < MOST_MISSED:
            self._missed.append(text)


MOST_MISSED = 100


def _escaped(value: str) -> str:
    return msgspec.json.encode(value).decode()[1:-1]


def normalised(name: str, value: str) -> str:
    """What makes two ways to write a value the same: case, spaces, and in numbers any separator, do not count."""
    if name == LITERAL:
        return value
    plain = unicodedata.normalize("NFKC", value).casefold()
    letters = "".join(filter(str.isalnum, plain))
    return letters if any(map(str.isdigit, letters)) or not letters else " ".join(plain.split())
