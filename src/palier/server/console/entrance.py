"""Coming in and leaving: the sign-in, the language, the files that pages load."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.types import Scope

from palier.errors import Unauthorized
from palier.server.console import rendering
from palier.server.console.guests import Guests, language_cookie
from palier.server.console.visits import Visit, address, see_other
from palier.server.console.words import LANGUAGES, Words
from palier.server.replies import Reply

HOME = "/console"


async def home(visit: Visit) -> Reply:
    """`GET /console`: the first page of whoever is here."""
    return see_other(visit.entries()[0].path)


class Entrance:
    """What is open to whoever may come near."""

    def __init__(self, guests: Guests) -> None:
        self._guests = guests

    async def show(
        self, scope: Scope, headers: Mapping[bytes, bytes], words: Words, query: Mapping[str, str], problem: str = ""
    ) -> Reply:
        """`GET /console/sign-in`."""
        csrf, cookie = self._guests.form(scope, headers)
        return rendering.html(
            "sign_in.html",
            words,
            status=401 if problem else 200,
            headers=cookie,
            csrf=csrf,
            next=_inside(query.get("next", "")),
            address=address(scope),
            problem=problem,
        )

    async def sign_in(
        self, scope: Scope, headers: Mapping[bytes, bytes], words: Words, form: Mapping[str, str]
    ) -> Reply:
        """`POST /console/sign-in`."""
        try:
            cookies = await self._guests.sign_in(scope, headers, form)
        except Unauthorized:
            said = f"{words('entrance.wrong')} {words('entrance.wrong_hint')}"
            return await self.show(scope, headers, words, form, said)
        return see_other(_inside(form.get("next", "")), cookies)

    async def language(
        self, scope: Scope, headers: Mapping[bytes, bytes], words: Words, query: Mapping[str, str]
    ) -> Reply:
        """`GET /console/language/{language}?back=PATH`."""
        chosen = scope["path_params"]["language"]
        language = chosen if chosen in LANGUAGES else words.language
        return see_other(_inside(query.get("back", "")), [language_cookie(scope, headers, language)])

    async def file(self, scope: Scope, headers: Mapping[bytes, bytes], words: Words, query: Mapping[str, str]) -> Reply:
        """`GET /console/static/{name}`. Raises `NotFound`."""
        return rendering.file_reply(scope["path_params"]["name"], query.get("v", ""))


def _inside(path: str) -> str:
    """`path` if it is one of the console's own; nobody is led anywhere else."""
    page = path.partition("?")[0]
    own = page == HOME or page.startswith(f"{HOME}/")
    return path if own and path.isascii() and path.isprintable() and "\\" not in path and "//" not in page else HOME
