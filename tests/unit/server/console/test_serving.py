"""Who may open what; what every page says of itself; and that whatever is done takes a token and is on record."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import pytest
from tests.unit.server.console.conftest import Person

from palier.access import Role
from palier.server.console.rendering import POLICY
from palier.server.console.serving import Anybody, Page
from palier.server.endpoint import Resource
from palier.server.http import create_app

People = Callable[..., Person]


def pages(person: Person) -> dict[tuple[str, str], Page | Anybody]:
    """Every page by path and method."""
    app = create_app(person.gateway.palier)
    routes = [route for route in app.app.routes if route.path.startswith("/console")]  # type: ignore[attr-defined]
    return {
        (route.path, method): cast(Page | Anybody, page)
        for route in routes
        for method, page in cast(Resource, route.app).methods.items()
    }


def test_whatever_changes_anything_takes_a_form_with_a_token(stranger: Person) -> None:
    found = pages(stranger)
    assert len(found) > 10
    for (path, method), page in found.items():
        if isinstance(page, Anybody):
            assert path.startswith(("/console/sign-in", "/console/language", "/console/static")), path
        else:
            assert bool(page.does) == (method == "POST"), path
        assert method in ("GET", "HEAD", "POST")


def test_a_page_is_for_whoever_has_its_role(people: People, stranger: Person) -> None:
    viewer, admin = people(Role.VIEWER), people(Role.ADMIN)
    for (path, method), page in pages(stranger).items():
        if isinstance(page, Page) and method == "GET" and "{" not in path:
            assert admin.get(path).status_code in (200, 303), path
            assert viewer.get(path).status_code == (403 if page.role.rank else viewer.get(path).status_code), path
            assert stranger.get(path).status_code == 303, path
    shown = viewer.get("/console/actions")
    assert shown.status_code == 403
    assert "<code>admin</code>" in shown.text


def test_nothing_is_done_without_the_token_of_the_session(people: People) -> None:
    one, other = people(Role.VIEWER), people(Role.VIEWER)
    form = {"route": "support", "question": "When?"}
    assert one.client.post("/console/ask", data=form).status_code == 403
    assert one.client.post("/console/ask", data={**form, "csrf": other.token()}).status_code == 403
    assert one.client.post("/console/ask", data={**form, "csrf": one.token()}).status_code == 200
    assert one.client.post("/console/ask", data=form, headers={"X-Palier-CSRF": one.token()}).status_code == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_another_sites_page_can_do_nothing(people: People, site: str) -> None:
    person = people(Role.VIEWER)
    said = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"}
    assert person.post("/console/ask", {"route": "support", "question": "When?"}, **said).status_code == 403
    assert person.get("/console/ask", **said).status_code == 403
    led = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    assert person.get("/console/ask", **led).status_code == 200


def test_a_page_from_elsewhere_can_send_nothing_whatever_else_it_knows(people: People) -> None:
    """With the cookie and the token, and without `Sec-Fetch-Site`: that of the origin alone is left."""
    person = people(Role.VIEWER)
    form = {"route": "support", "question": "When?"}
    port = person.gateway.url.rpartition(":")[2]
    for origin in ("https://evil.example", "null", "", "http://127.0.0.1", f"http://localhost:{port}", "file://"):
        refused = person.post("/console/ask", form, Origin=origin)
        assert (refused.status_code, "evil" in refused.text) == (403, "evil" in origin), origin
        assert person.get("/console/ask", Origin=origin).status_code == 403
        signing = person.client.post("/console/sign-in", data={"key": person.gateway.key}, headers={"Origin": origin})
        assert (signing.status_code, "set-cookie" in signing.headers) == (403, False), origin
    assert person.post("/console/ask", form, Origin=person.gateway.url).status_code == 200
    over_tls = {"Host": "localhost", "Origin": "https://localhost"}
    assert person.post("/console/ask", form, **over_tls).status_code == 200
    spoofed = {"Origin": "https://evil.example", "X-Forwarded-Host": "evil.example"}
    assert person.post("/console/ask", form, **spoofed).status_code == 403, "no proxy is declared"


def test_every_page_says_what_it_may_load(people: People, stranger: Person) -> None:
    person = people()
    replies = [person.get(path) for path in ("/console/ask", "/console/actions", "/console/no/such/page")]
    replies += [stranger.get("/console/sign-in"), stranger.get("/console/static/console.js")]
    assert [reply.status_code for reply in replies] == [200, 200, 404, 200, 200]
    for reply in replies:
        assert reply.headers["content-security-policy"] == POLICY
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert reply.headers["referrer-policy"] == "same-origin"
    assert all(reply.headers["cache-control"] == "no-store" for reply in replies[:4])


def test_what_was_done_is_on_record_also_where_it_failed(people: People) -> None:
    person = people(Role.VIEWER)
    person.post("/console/ask", {"route": "nowhere", "question": "When?"})
    person.post("/console/ask", {"route": "support", "question": "When?"})
    done = person.gateway.run(person.gateway.palier.access.actions.page(who=person.name))
    assert [(one.what, one.outcome) for one in done] == [("ask", "done"), ("ask", "not_found"), ("sign-in", "done")]
    assert done[0].about.startswith("ask-")
    assert done[0].role == "viewer"
    shown = people().get("/console/actions").text
    assert person.name in shown
    assert done[0].about in shown


def test_what_is_no_form_is_refused(people: People) -> None:
    person = people(Role.VIEWER)
    assert person.client.post("/console/ask", json={"a": 1}).status_code == 415
    odd = {"Content-Type": "application/x-www-form-urlencoded"}
    for body in (b"a=%ff", "a=é".encode(), b"&".join(b"a=1" for _ in range(500))):
        assert person.client.post("/console/ask", content=body, headers=odd).status_code == 400
    assert person.get("/console/ask?a=%ff").status_code == 400
