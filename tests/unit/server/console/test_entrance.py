"""Coming in: by a key, once a form of this browser shows it; and what a session is worth."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.unit.server.console.conftest import Person

from palier.access import AccessKey, Role
from palier.server.console import sessions

People = Callable[..., Person]


def test_nobody_comes_in_without_signing_in(stranger: Person) -> None:
    for path in ("/console", "/console/ask", "/console/nothing/here"):
        reply = stranger.get(path)
        assert reply.status_code == 303, path
        assert reply.headers["location"].startswith("/console/sign-in")
    assert stranger.get("/console/ask?route=x").headers["location"] == (
        "/console/sign-in?next=%2Fconsole%2Fask%3Froute%3Dx"
    )
    part = stranger.get("/console/ask", **{"HX-Request": "true"})
    assert (part.status_code, part.headers["hx-redirect"]) == (401, "/console/sign-in")


def test_a_key_opens_a_session_that_scripts_and_other_sites_do_not_get(people: People) -> None:
    person = people()
    reply = person.get("/console/ask")
    assert reply.status_code == 200
    (cookie,) = [c for c in person.client.cookies.jar if not c.name.endswith("-form")]
    assert cookie.path == "/console"
    assert cookie.has_nonstandard_attr("HttpOnly")
    assert person.gateway.key not in reply.text
    assert cookie.value != person.gateway.key


def test_cookies_are_narrow(stranger: Person) -> None:
    plain = stranger.get("/console/sign-in").headers["set-cookie"]
    assert "HttpOnly" in plain
    assert "SameSite=Strict" in plain
    assert "Secure" not in plain
    assert "Secure" in stranger.get("/console/sign-in", **{"X-Forwarded-Proto": "https"}).headers["set-cookie"]


def test_a_wrong_key_opens_nothing_and_is_on_record(stranger: Person) -> None:
    reply = stranger.sign_in("plr_nothing")
    assert reply.status_code == 401
    assert "opens nothing here" in reply.text
    assert "plr_nothing" not in reply.text
    (action,) = stranger.gateway.run(stranger.gateway.palier.access.actions.page(limit=1))
    assert (action.what, action.who, action.about, action.outcome) == ("sign-in", "", "127.0.0.1", "unauthorized")
    assert stranger.get("/console/ask").status_code == 303


def test_the_form_must_be_of_this_browser(stranger: Person) -> None:
    key = stranger.gateway.key
    for form in ({"key": key}, {"key": key, "csrf": "x"}, {"key": key, "csrf": stranger.token("/console/sign-in")}):
        stranger.client.cookies.clear()
        assert stranger.client.post("/console/sign-in", data=form).status_code == 403


def test_too_many_that_fail_have_to_wait(stranger: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "TRIES", 0)
    reply = stranger.sign_in(stranger.gateway.key)
    assert reply.status_code == 429
    assert int(reply.headers["retry-after"]) >= 1


@pytest.mark.parametrize(
    ("given", "led"),
    [
        ("/console/ask?route=a", "/console/ask?route=a"),
        ("https://example.org", "/console"),
        ("//example.org", "/console"),
        ("/console//example.org", "/console"),
        ("/consoles", "/console"),
        ("/console/\\example.org", "/console"),
        ("/console/\r\nSet-Cookie: a=b", "/console"),
    ],
)
def test_whoever_signs_in_is_led_to_a_page_of_the_console(stranger: Person, given: str, led: str) -> None:
    assert stranger.sign_in(stranger.gateway.key, next=given).headers["location"] == led


def test_a_revoked_key_ends_its_sessions(people: People) -> None:
    person = people(Role.VIEWER)
    assert person.get("/console/ask").status_code == 200
    person.gateway.run(person.gateway.palier.access.keys.revoke(person.name))
    assert person.get("/console/ask").status_code == 303


def test_signing_out_ends_the_session(people: People) -> None:
    person = people(Role.VIEWER)
    kept = dict(person.client.cookies)
    assert person.post("/console/sign-out").headers["location"] == "/console/sign-in"
    person.client.cookies.update(kept)
    assert person.get("/console/ask").status_code == 303, "the cookie that was kept is worth nothing"


def test_the_language_is_kept_in_a_cookie(people: People) -> None:
    person = people()
    assert '<html lang="en">' in person.get("/console/ask").text
    assert '<html lang="fr">' in person.get("/console/ask", **{"Accept-Language": "fr"}).text
    reply = person.get("/console/language/fr?back=/console/ask")
    assert reply.headers["location"] == "/console/ask"
    assert "Votre question" in person.get("/console/ask").text
    assert person.get("/console/language/xx?back=//example.org").headers["location"] == "/console"


def test_home_is_the_first_page_of_whoever_is_there(people: People) -> None:
    assert people(Role.VIEWER).get("/console").headers["location"].startswith("/console/")


def test_a_key_that_was_shown_is_shown_no_more(stranger: Person) -> None:
    from palier.server.http import _is_new

    palier, run = stranger.gateway.palier, stranger.gateway.run
    known = bool(run(palier.access.keys.list()))
    assert run(_is_new(palier)) is not known
    assert not run(_is_new(palier))
    run(palier.access.keys.create(AccessKey(name="somebody")))
    assert not run(_is_new(palier))
