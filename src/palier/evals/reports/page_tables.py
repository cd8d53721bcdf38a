"""Tables of the page, and the footnotes that say how each figure in them was found."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from html import escape
from typing import NamedTuple

from palier.evals.reports import wording
from palier.types import Quantity


class Row(NamedTuple):
    """`name` and `cells` are HTML."""

    name: str
    cells: Sequence[str]
    chosen: bool = False


def table(
    caption: str,
    more: str,
    corner: str,
    head: Sequence[str],
    rows: Sequence[Row],
    *,
    text: Collection[int] = (),
    escaped: bool = False,
) -> list[str]:
    """A table that scrolls within itself where it is wider than the page; columns `text` hold words, not numbers."""

    def kind(place: int) -> str:
        return ' class="text"' if place in text else ""

    titles = [word if escaped else escape(wording.inert(word)) for word in head]
    said = escape(wording.inert(caption))
    note = f" <span>({escape(wording.inert(more))})</span>" if more else ""
    found = [
        f'<div class="wide" role="region" tabindex="0" aria-label="{said}"><table>',
        f'<caption><div class="cap">{said}{note}</div></caption>',
        f'<thead><tr><th scope="col">{escape(corner)}</th>',
        *(f'<th scope="col"{kind(place)}>{title}</th>' for place, title in enumerate(titles)),
        "</tr></thead><tbody>",
    ]
    for row in rows:
        cells = "".join(f"<td{kind(place)}>{cell}</td>" for place, cell in enumerate(row.cells))
        chosen = ' class="chosen"' if row.chosen else ""
        found.append(f'<tr{chosen}><th scope="row">{row.name}</th>{cells}</tr>')
    return [*found, "</tbody></table></div>"]


class Footnotes:
    """Methods, each once, in the order they are first referred to."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def quantity(self, figure: Quantity, unit: str, times: float = 1.0) -> str:
        """A figure with the number of the footnote that says how it came."""
        words = escape(wording.quantity(figure, unit, times=times))
        value, bracket, rest = words.partition(" [")
        shown = f'{value} <span class="range">[{rest}</span>' if bracket else value
        method = wording.method(figure)
        number = self._numbers.setdefault(method, len(self._numbers) + 1)
        said = escape(method)
        link = f'<sup><a href="#method-{number}" aria-label="method {number}: {said}">{number}</a></sup>'
        dim = ' class="none"' if figure.value is None else ""
        return f'<span{dim} title="{said}">{shown}</span>{link}'

    def list(self) -> list[str]:
        """All of them."""
        items = [f'<li id="method-{number}">{escape(method)}</li>' for method, number in self._numbers.items()]
        return ['<ol class="methods">', *items, "</ol>"] if items else []
