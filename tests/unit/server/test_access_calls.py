"""Keys, groups and readers through the admin socket are those of the gateway, and hold at once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from palier.access import AccessKey, Readers, Role, Spending
from palier.app import Palier
from palier.config import parse
from palier.errors import InvalidRequest, NotFound
from palier.server.admin import AdminServer
from palier.server.auth import Authenticator
from palier.server.remote import RemotePalier
from palier.types import Principal


@pytest.fixture
async def palier(tmp_path: Path) -> AsyncIterator[Palier]:
    async with Palier.open(parse({"data": "data"}, root=tmp_path)) as p:
        yield p


@pytest.fixture
async def gateway(palier: Palier) -> AsyncIterator[RemotePalier]:
    async with AdminServer(palier, palier.folder.admin_socket):
        connected = await RemotePalier.connect(palier.folder.admin_socket)
        assert connected is not None
        yield connected


async def test_keys(gateway: RemotePalier, palier: Palier) -> None:
    authenticate = Authenticator(palier.key, palier.access.keys)
    made = await gateway.access.keys.create(AccessKey(name="shop", role=Role.OPERATOR, rate=60))
    shown = {b"authorization": b"Bearer " + made.secret.encode()}
    assert authenticate(shown).key == made.key
    other = await gateway.access.keys.rotate("shop", 60.0)
    assert other.secret != made.secret
    assert authenticate(shown).principal.name == "shop"
    assert await gateway.access.keys.list() == await palier.access.keys.list()
    palier.access.purse.spend("shop", 0.5, 7)
    assert await gateway.spending(["shop", "x"]) == {
        "shop": Spending(cost_today=0.5, cost_month=0.5, tokens_today=7),
        "x": Spending(),
    }
    await gateway.access.keys.revoke("shop")
    assert not any(key.holds_at(0.0) for key in await palier.access.keys.list())
    with pytest.raises(NotFound, match="shop"):
        await gateway.access.keys.revoke("shop")
    with pytest.raises(InvalidRequest, match="owner's"):
        await gateway.access.keys.create(AccessKey(name="local"))


async def test_groups(gateway: RemotePalier, palier: Palier) -> None:
    directory = gateway.access.directory
    await directory.add("staff", ["@hr"])
    await directory.add("hr", ["ann"])
    assert palier.access.directory.resolve(Principal(name="ann")).groups == ("hr", "staff")
    assert await directory.ways("ann") == {"hr": ("hr",), "staff": ("hr", "staff")}
    assert await directory.list() == await palier.access.directory.list()
    with pytest.raises(InvalidRequest, match="`hr` in `staff` in `hr`"):
        await directory.add("hr", ["@staff"])
    assert (await directory.remove("hr", ["ann"])).members == ()


async def test_readers(gateway: RemotePalier, palier: Palier) -> None:
    changed = await gateway.change_readers("hr", allow=["hr", "user:ann"])
    assert changed == Readers(collection="hr", everyone=False, readers=("hr", "user:ann"))
    assert await gateway.readers() == await palier.readers() == [changed]
    assert (await gateway.change_readers("hr", remove=["hr", "user:ann"])).readers == ()
    assert (await gateway.change_readers("hr", everyone=True)).everyone
    assert not (await gateway.change_readers("hr", everyone=False)).everyone
