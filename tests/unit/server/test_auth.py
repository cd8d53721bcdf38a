"""Who asks: keys, roles, users that a key speaks for; and that no route is without a role."""

from __future__ import annotations

import hashlib
import hmac
import time
from pathlib import Path
from typing import Any, cast

import pytest

from palier.access import OWNER, AccessKey, Role
from palier.app import Palier
from palier.config import parse
from palier.errors import Forbidden, InvalidRequest, Unauthorized
from palier.server import auth
from palier.server.auth import NEEDS, OPEN, Authenticator, Caller, Need, signing_key
from palier.server.endpoint import Endpoint, Resource
from palier.server.http import create_app
from palier.stores.keys import digest_of
from palier.types import Principal

NOW = 1_800_000_000.0
OWNER_KEY = "the-owner's"


class Held:
    """Keys by their secret."""

    def __init__(self, **keys: AccessKey) -> None:
        self._keys = {digest_of(secret.encode()): key for secret, key in keys.items()}

    def find(self, digest: bytes) -> AccessKey | None:
        return self._keys.get(digest)

    def is_key(self, name: str) -> bool:
        return name in {key.name for key in self._keys.values()}


def calling(secret: str, key: AccessKey | None = None, **headers: bytes) -> Caller:
    keys = Held(**{secret: key}) if key else Held()
    given = {b"authorization": b"Bearer " + secret.encode()}
    given |= {name.replace("_", "-").encode(): value for name, value in headers.items()}
    return Authenticator(OWNER_KEY, keys, lambda: NOW)(given)


def test_the_owner_does_and_reads_everything() -> None:
    caller = calling(OWNER_KEY)
    assert caller.principal == OWNER
    assert caller.role is Role.ADMIN
    assert caller.may_ask("anything")
    assert caller.asking_for("marie") == OWNER, "whose `user` field counts for nothing"


def test_a_key_asks_by_its_name_with_its_groups() -> None:
    caller = calling("s", AccessKey(name="shop", groups=("sales",), routes=("support",)))
    assert caller.principal == Principal(name="shop", groups=("sales",), key="shop")
    assert caller.may_ask("support")
    assert not caller.may_ask("hr")
    assert caller.asking_for("marie") == caller.principal


@pytest.mark.parametrize(("role", "admin", "reviewer"), [(r, r.rank == 3, r.rank > 0) for r in Role])
def test_what_a_role_reads(role: Role, admin: bool, reviewer: bool) -> None:
    principal = calling("s", AccessKey(name="k", role=role)).principal
    assert (principal.admin, principal.reviewer) == (admin, reviewer)


@pytest.mark.parametrize("held", list(Role))
@pytest.mark.parametrize("needed", list(Role))
def test_roles_are_a_ladder_and_403_names_the_rung(held: Role, needed: Role) -> None:
    caller = calling("s", AccessKey(name="k", role=held))
    if list(Role).index(held) >= list(Role).index(needed):
        caller.check(Need(needed))
    else:
        with pytest.raises(Forbidden, match=f"role `{needed}`"):
            caller.check(Need(needed))


@pytest.mark.parametrize(
    ("key", "words"),
    [
        (AccessKey(name="k", prefix="plr_abcd", expires=NOW), "plr_abcd.*expired"),
        (AccessKey(name="k", prefix="plr_abcd", revoked=NOW - 5, expires=NOW + 5), "plr_abcd.*revoked"),
    ],
)
def test_a_key_that_ended_says_so_to_who_has_it(key: AccessKey, words: str) -> None:
    with pytest.raises(Unauthorized, match=words):
        calling("s", key)
    with pytest.raises(Unauthorized, match="not valid"):
        Authenticator(OWNER_KEY, Held(s=key), lambda: NOW)({b"authorization": b"Bearer t"})


@pytest.mark.parametrize(
    "given", [b"", b"Bearer", b"Bearer ", b"Basic czpz", b"bearer \xff\xfe", b"Bearer " + b"x" * 9000]
)
def test_no_key(given: bytes) -> None:
    with pytest.raises(Unauthorized):
        Authenticator(OWNER_KEY, Held(), lambda: NOW)({b"authorization": given})


# --- users that a key speaks for


FIELD = AccessKey(name="chat", role=Role.REVIEWER, groups=("apps",), speaks_for="field")
HEADER = AccessKey(name="chat", role=Role.REVIEWER, groups=("apps",), speaks_for="header", routes=("support",))


def signed(secret: str, user: bytes, at: float = NOW) -> bytes:
    """As docs/how-to/who-may-read.md tells to."""
    extracted = hmac.new(bytes(32), secret.encode(), hashlib.sha256).digest()
    key = hmac.new(extracted, b"palier user signature v1\x01", hashlib.sha256).digest()
    digest = hmac.new(key, f"{at:.0f}.".encode() + user, hashlib.sha256).hexdigest()
    return f"t={at:.0f},v1={digest}".encode()


def test_the_signing_key_is_that_of_the_standard() -> None:
    """Against the HKDF of other people."""
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    derived = HKDF(SHA256(), 32, salt=None, info=b"palier user signature v1").derive(b"plr_secret")
    assert signing_key(b"plr_secret") == derived


def test_by_the_field_the_user_asks_with_its_own_groups() -> None:
    caller = calling("s", FIELD)
    assert caller.asking_for(None) == caller.principal
    assert caller.asking_for("marie") == Principal(name="marie", reviewer=True, key="chat")
    assert caller.role is Role.REVIEWER


def test_by_the_header_the_user_asks_with_its_own_groups() -> None:
    for user in ("marie", "zoë@exemple.fr", "李"):
        raw = user.encode()
        caller = calling("s", HEADER, x_palier_user=raw, x_palier_signature=signed("s", raw))
        assert caller.principal == Principal(name=user, reviewer=True, key="chat")
        assert not caller.may_ask("hr"), "the key's routes hold whoever it speaks for"
    assert calling("s", HEADER).principal.name == "chat"
    assert calling("s", HEADER).asking_for("marie").name == "chat", "by the header alone"


@pytest.mark.parametrize("key", [None, AccessKey(name="k"), FIELD])
def test_the_header_of_a_key_that_does_not_speak_so_is_refused(key: AccessKey | None) -> None:
    with pytest.raises(Forbidden, match="X-Palier-User"):
        calling("s" if key else OWNER_KEY, key, x_palier_user=b"marie", x_palier_signature=signed("s", b"marie"))


@pytest.mark.parametrize(
    ("signature", "words"),
    [
        (b"", "not signed"),
        (b"v1=00", "not signed"),
        (b"t=1", "not signed"),
        (b"t=-5,v1=00", "not signed"),
        (b"t=" + b"9" * 200 + b",v1=00", "not signed"),
        (b"\xff\xff", "not signed"),
        (b"t=1800000000,v1=00", "not this key's"),
        (signed("s", b"paul"), "not this key's"),
        (signed("another", b"marie"), "not this key's"),
        (signed("s", b"marie", NOW - auth.SKEW_S - 1), "minutes"),
        (signed("s", b"marie", NOW + auth.SKEW_S + 1), "minutes"),
    ],
)
def test_a_user_who_is_not_signed_well(signature: bytes, words: str) -> None:
    with pytest.raises(Unauthorized, match=words):
        calling("s", HEADER, x_palier_user=b"marie", x_palier_signature=signature)


def test_a_signature_holds_for_some_minutes_both_ways() -> None:
    for late in (-auth.SKEW_S, 0.0, auth.SKEW_S):
        given = signed("s", b"marie", NOW + late)
        assert calling("s", HEADER, x_palier_user=b"marie", x_palier_signature=given).principal.name == "marie"


@pytest.mark.parametrize("user", ["local", "chat"])
def test_nobody_speaks_for_the_owner_or_for_a_key(user: str) -> None:
    with pytest.raises(Forbidden):
        calling("s", FIELD).asking_for(user)
    with pytest.raises(Forbidden):
        calling("s", HEADER, x_palier_user=user.encode(), x_palier_signature=signed("s", user.encode()))


@pytest.mark.parametrize("user", ["", " marie", "a\nb", "x" * 300, "\u202e"])
def test_what_is_no_name(user: str) -> None:
    with pytest.raises(InvalidRequest):
        calling("s", FIELD).asking_for(user)


def test_a_user_that_is_no_text() -> None:
    with pytest.raises(InvalidRequest, match="UTF-8"):
        calling("s", HEADER, x_palier_user=b"\xff", x_palier_signature=signed("s", b"\xff"))


def test_an_admin_key_that_speaks_for_a_user_reads_as_that_user() -> None:
    key = AccessKey(name="chat", role=Role.ADMIN, speaks_for="field")
    assert calling("s", key).principal.admin
    assert not calling("s", key).asking_for("marie").admin


def test_it_costs_next_to_nothing() -> None:
    """20 us is the most a request may pay for it; the machine may be busy, so the best of some rounds counts."""
    keys = Held(**{f"s{n}": AccessKey(name=f"k{n}") for n in range(1000)})
    authenticate = Authenticator(OWNER_KEY, keys)
    headers = {b"authorization": b"Bearer s500"}
    rounds = []
    for _ in range(20):
        started = time.perf_counter()
        for _ in range(200):
            authenticate(headers)
        rounds.append((time.perf_counter() - started) / 200)
    assert min(rounds) < 20e-6


# --- the table


async def test_every_route_has_its_role_and_no_role_is_of_nothing(tmp_path: Path) -> None:
    settings = parse({"data": "data"}, root=tmp_path)
    async with Palier.open(settings) as palier:
        router = cast(Any, create_app(palier).app)
        served: dict[str, set[str]] = {}
        for route in router.routes:
            assert isinstance(route.app, Resource)
            if route.path in OPEN or route.path.startswith("/console"):  # tests/unit/server/console/test_serving.py
                continue
            methods = {name: app for name, app in route.app.methods.items() if name != "HEAD"}
            served[route.path] = set(methods)
            for method, app in methods.items():
                assert isinstance(app, Endpoint), f"{method} {route.path} asks for no key"
                assert app._need == NEEDS[route.path][method]
    assert served == {path: set(methods) for path, methods in NEEDS.items()}
    assert {need.role for methods in NEEDS.values() for need in methods.values()} < set(Role)
