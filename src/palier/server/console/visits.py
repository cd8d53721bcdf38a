"""One request to the console as its page sees it: who is there, what was asked, and how to answer."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from starlette.types import Scope

from palier.access import Role
from palier.app import Palier
from palier.errors import Forbidden, InvalidRequest
from palier.server.auth import Caller
from palier.server.console import rendering
from palier.server.console.multipart import Sent
from palier.server.console.sessions import Session
from palier.server.console.words import Words
from palier.server.quotas import Quotas
from palier.server.replies import Headers, Reply
from palier.types import Principal

MAX_FIELDS = 200
LAST_ROW = 2**53
"""Beyond every row there is."""
_IN_QUERY = "%&=+/?:@!$'()*,;"
"""What stands in a query as it is, beside letters and digits."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A page in the navigation, for whoever has the role; `name` is that of its words, too."""

    name: str
    path: str
    role: Role


NAVIGATION: tuple[Entry, ...] = (
    Entry("overview", "/console/overview", Role.OPERATOR),
    Entry("ask", "/console/ask", Role.VIEWER),
    Entry("knowledge", "/console/knowledge", Role.VIEWER),
    Entry("traces", "/console/traces", Role.VIEWER),
    Entry("lessons", "/console/lessons", Role.REVIEWER),
    Entry("judge", "/console/judge", Role.REVIEWER),
    Entry("guarantee", "/console/guarantee", Role.VIEWER),
    Entry("models", "/console/models", Role.VIEWER),
    Entry("benchmarks", "/console/benchmarks", Role.VIEWER),
    Entry("ledger", "/console/ledger", Role.OPERATOR),
    Entry("actions", "/console/actions", Role.ADMIN),
)
"""In the order in which they are shown. Whoever signs in comes to the first that is theirs."""


@dataclass(slots=True)
class Visit:
    """A request of somebody who is signed in."""

    palier: Palier
    scope: Scope
    caller: Caller
    session: Session
    words: Words
    places: Mapping[str, str]
    """What stands in the braces of the route."""
    query: Mapping[str, str]
    headers: Mapping[bytes, bytes]
    quotas: Quotas
    form: Mapping[str, str] = field(default_factory=dict)
    files: Sequence[Sent] = ()
    """What was sent with the form."""
    about: str = ""
    """The id or the name that what is done is about, for the record."""
    outcome: str = "done"
    """What came of it, for the record; `done` unless the handler says otherwise."""

    @property
    def path(self) -> str:
        """Of the page, as it was asked for."""
        return str(self.scope["path"])

    @property
    def address(self) -> str:
        """Of the page, with its query."""
        return address(self.scope)

    @property
    def principal(self) -> Principal:
        """Who asks."""
        return self.caller.principal

    @property
    def partial(self) -> bool:
        """Whether a part of a page is asked for, to be put into the one that is shown."""
        return b"hx-request" in self.headers and b"hx-history-restore-request" not in self.headers

    @property
    def routes(self) -> list[str]:
        """The routes that may be asked."""
        return [route for route in self.palier.routes if self.caller.may_ask(route)]

    def page(self, template: str, *, status: int = 200, headers: Headers | None = None, **values: Any) -> Reply:
        """The template as a whole page, or as a part where that was asked for."""
        return rendering.html(
            template, self.words, status=status, headers=headers, visit=self, shown=self.entries(), **values
        )

    def part(self, template: str, **values: Any) -> str:
        """A template that is no page, as text."""
        found = rendering.environment().get_template(template)
        return found.render(t=self.words, visit=self, **values)

    def entries(self) -> list[Entry]:
        """The navigation of whoever is here."""
        return [entry for entry in NAVIGATION if self.caller.role.covers(entry.role)]

    def is_at(self, entry: Entry) -> bool:
        """Whether `entry` is where this page belongs."""
        return self.path == entry.path or self.path.startswith(f"{entry.path}/")

    def covers(self, role: str) -> bool:
        """Whether whoever is here may do what takes that role."""
        return self.caller.role.covers(Role(role))

    def with_query(self, **changed: object) -> str:
        """The address of this page with other values in its query; an empty one leaves it."""
        query = {**self.query, **{name: str(value) for name, value in changed.items()}}
        kept = {name: value for name, value in query.items() if value}
        return f"{self.path}?{urlencode(kept)}" if kept else self.path

    def check_csrf(self) -> None:
        """Raise `Forbidden` unless the request carries this session's token."""
        given = self.form.get("csrf") or self.headers.get(b"x-palier-csrf", b"").decode("latin-1")
        if not self.session.owns(given):
            raise Forbidden("the form is not of this session", hint="open the page again, and send it from there")

    async def did(self, what: str, about: str = "", outcome: str = "done") -> None:
        """Keep that it was done."""
        await self.palier.access.actions.record(
            what, who=self.principal.name, role=self.caller.role.value, about=about, outcome=outcome
        )

    def number(self, name: str) -> float | None:
        """A number of the query; None where it is not given. Raises `InvalidRequest`."""
        given = self.query.get(name, "")
        if not given:
            return None
        try:
            value = float(given)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise InvalidRequest(f"`{name}` is `{given[:40]}`: a number", param=name)
        return value

    def place(self, name: str) -> int:
        """Where a list goes on, as the number of a row; 0 where it is not given. Raises `InvalidRequest`."""
        return int(min(max(self.number(name) or 0.0, 0.0), LAST_ROW))


def fields(text: bytes) -> dict[str, str]:
    """The fields of a form or a query. Raises `InvalidRequest`."""
    try:
        pairs = parse_qsl(text.decode("ascii"), keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict")
    except (ValueError, UnicodeDecodeError):
        raise InvalidRequest(f"the form is none: UTF-8, {MAX_FIELDS} fields at most") from None
    return dict(pairs)


def address(scope: Scope) -> str:
    """The page that was asked for, with its query, in ASCII: what to come back to."""
    query = quote(scope["query_string"], safe=_IN_QUERY)
    return quote(scope["path"]) + (f"?{query}" if query else "")


def see_other(path: str, headers: Headers | None = None) -> Reply:
    """Lead the browser to `path`."""
    target = path.encode("ascii", "ignore")
    return Reply(b"", 303, [(b"location", target), (b"content-type", b"text/plain"), *(headers or ())])
