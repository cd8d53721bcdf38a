"""The ledger's file: killed, full, tampered with, copied, and its key lost, changed and found again."""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import apsw
import pytest

from palier.errors import ConfigurationError, StoreError
from palier.interfaces import EntryFilter, Link
from palier.privacy.ledger import Chain, Verdict, verify
from palier.privacy.sealing import Sealer, keyed_digest
from palier.stores.ledger import SqliteLedger
from palier.stores.ledger_file import LedgerFile
from palier.stores.schema import statements
from palier.testing.ledger import chain_of, clearance_of

OLD, NEW, OTHER = b"o" * 32, b"n" * 32, b"x" * 32
SECRET = b"indiscretion"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


@asynccontextmanager
async def opened(
    path: Path, *keys: bytes, days: float = 2.0, without_lost_key: bool = False
) -> AsyncIterator[SqliteLedger]:
    sealer = Sealer(keys or (OLD,))
    ledger = SqliteLedger.open(path, sealer, Chain(), payload_days=days, without_lost_key=without_lost_key)
    try:
        yield ledger
    finally:
        await ledger.close()


async def fill(ledger: SqliteLedger, count: int = 5, content: bytes = SECRET) -> None:
    for i in range(count):
        await ledger.enter(clearance_of(f"chat-{i}"), "api.example.com", content + b" %d" % i)


def verified(path: Path) -> Verdict:
    ledger = LedgerFile.open(path)
    try:
        return verify(ledger.chain(), ledger.installation)
    finally:
        ledger.close()


def tamper(path: Path, sql: str, values: Sequence[object] = ()) -> None:
    connection = apsw.Connection(str(path))
    connection.execute(sql, tuple(values))  # type: ignore[arg-type]
    connection.close()


# --- what is in the file -----------------------------------------------------------------------------------------


async def test_commits_are_synchronous(path: Path) -> None:
    async with opened(path) as ledger:
        assert await ledger._database.write(lambda connection: connection.pragma("synchronous")) == 2
    assert path.stat().st_mode & 0o777 == 0o600


async def test_no_word_stands_in_the_file(path: Path) -> None:
    async with opened(path) as ledger:
        await fill(ledger)
        await ledger.keep_map("t", 1e12, SECRET)
        await ledger._database.truncate_log()
        for file in path.parent.iterdir():
            assert SECRET not in file.read_bytes()


async def test_without_days_no_payload_is_kept(path: Path) -> None:
    async with opened(path, days=0.0) as ledger:
        await fill(ledger)
        assert await ledger.payload(1) is None
        (use,) = await ledger.keys()
        assert (use.payloads, use.maps) == (0, 0)


async def test_what_expired_is_nowhere_on_the_disk(path: Path) -> None:
    async with opened(path) as ledger:
        await fill(ledger, 300)
        sealed = await ledger._database.read(lambda c: [row[0] for row in c.execute("SELECT sealed FROM payload")])
        await ledger.expire(time.time() + 3 * 86_400)
        kept = b"".join(file.read_bytes() for file in path.parent.iterdir())
        assert not [blob for blob in sealed if blob[21:40] in kept]


async def test_a_closed_ledger_is_whole_without_its_log(path: Path, tmp_path: Path) -> None:
    async with opened(path) as ledger:
        await fill(ledger)
    copy = tmp_path / "copy.db"
    copy.write_bytes(path.read_bytes())
    assert verified(copy).entries == 5


async def test_the_installation_keeps_its_name(path: Path, tmp_path: Path) -> None:
    names = []
    for file in (path, path, tmp_path / "another.db"):
        async with opened(file) as ledger:
            names.append(ledger.installation)
    assert names[0] == names[1] != names[2]


async def test_those_who_enter_at_one_moment_share_a_commit(path: Path) -> None:
    async with opened(path) as ledger:
        commits: list[int] = []
        await ledger._database.write(lambda c: c.set_commit_hook(lambda: bool(commits.append(1))))
        commits.clear()
        await asyncio.gather(*(ledger.enter(clearance_of(str(i)), "h", b"") for i in range(100)))
        assert len(commits) <= 3


async def test_large_bytes_do_not_hold_the_event_loop(path: Path) -> None:
    """Digested and sealed in a thread: the loop goes on."""
    threads: set[str] = set()

    class Watched(Sealer):
        def seal(self, content: bytes, belongs: str) -> bytes:
            threads.add(threading.current_thread().name)
            return super().seal(content, belongs)

    ledger = SqliteLedger.open(path, Watched([OLD]), Chain(), payload_days=1)
    threads.clear()
    await ledger.enter(clearance_of(), "h", b"x" * 5_000_000)
    await ledger.keep_map("t", 1e12, b"x" * 5_000_000)
    assert "MainThread" not in threads
    assert await ledger.payload(1) == await ledger.map_of("t") == b"x" * 5_000_000
    await ledger.close()


@pytest.mark.parametrize("filters", ["destination = 'a'", "label = 'public'", "request = 'a'", "at_ms >= 1"])
async def test_filters_read_an_index(path: Path, filters: str) -> None:
    async with opened(path) as ledger:
        sql = "EXPLAIN QUERY PLAN " + statements("ledger")["list"].replace("filters", filters)
        plan = str(await ledger._database.read(lambda c: c.execute(sql, {"limit": 1}).fetchall()))
        assert "INDEX entry_" in plan or "USING INTEGER PRIMARY KEY" in plan, plan


# --- disks and queues --------------------------------------------------------------------------------------------


async def test_a_full_disk_fails_the_entry_and_no_other(path: Path) -> None:
    async with opened(path) as ledger:
        await fill(ledger, 2)
        pages = await ledger._database.write(lambda c: c.pragma("page_count"))
        await ledger._database.write(lambda c: c.pragma("max_page_count", pages + 4))
        outcomes = await asyncio.gather(
            ledger.enter(clearance_of("small"), "h", b"small"),
            ledger.enter(clearance_of("large"), "h", b"large" * 100_000),
            ledger.enter(clearance_of("small too"), "h", b"small"),
            return_exceptions=True,
        )
        assert [type(outcome) for outcome in outcomes] == [type(None), StoreError, type(None)]
        assert str(outcomes[1]).startswith(f"the ledger cannot be written: {path.name}: ")  # no folder: clients read it
        assert "full" in str(outcomes[1])
        with pytest.raises(StoreError):
            await ledger.keep_map("t", 1e12, b"x" * 500_000)
        await ledger._database.write(lambda c: c.pragma("max_page_count", 1_000_000))
        await ledger.enter(clearance_of("after"), "h", b"large" * 100_000)
        requests = [link.entry.clearance.request for link in await chain_of(ledger)]
        assert requests == ["chat-0", "chat-1", "small", "small too", "after"]
        assert await ledger.payload(5) == b"large" * 100_000
    assert verified(path).intact


async def test_a_disk_that_is_really_full(tmp_path: Path) -> None:
    if os.getuid() != 0 or os.uname().sysname != "Linux":
        pytest.skip("needs root on Linux, to mount a small disk")
    point = tmp_path / "disk"
    point.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(point)], capture_output=True).returncode:
        pytest.skip("this system lets no small disk be mounted")
    try:
        path = point / "ledger.db"
        async with opened(path) as ledger:
            tried = range(400)
            outcomes = [
                await asyncio.gather(ledger.enter(clearance_of(), "h", b"x" * 5_000), return_exceptions=True)
                for _ in tried
            ]
            entered = outcomes.index(failed := next(some for some in outcomes if some[0] is not None))
            assert isinstance(failed[0], StoreError)
            assert entered
            assert await ledger.payload(entered) == b"x" * 5_000
            with pytest.raises(StoreError):
                await ledger.enter(clearance_of(), "h", b"x" * 500_000)
        assert verified(path).intact
        assert verified(path).entries >= entered
    finally:
        subprocess.run(["umount", "-l", str(point)], check=False)


async def test_a_full_queue_is_an_error_of_the_ledger(path: Path) -> None:
    """Whoever would send must not: the contract knows one error."""
    async with opened(path) as ledger:
        held = threading.Event()
        holding = asyncio.ensure_future(ledger._database.write(lambda _: held.wait(20)))
        await asyncio.sleep(0.05)
        tasks = [asyncio.ensure_future(ledger.enter(clearance_of(str(i)), "h", b"")) for i in range(4_200)]
        await asyncio.sleep(0.2)
        held.set()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        await holding
        assert {type(outcome) for outcome in outcomes} <= {type(None), StoreError}
        entered = sum(outcome is None for outcome in outcomes)
        assert entered < 4_200
        assert len(await chain_of(ledger)) == entered


async def test_a_closed_ledger_lets_nothing_out(path: Path) -> None:
    async with opened(path) as ledger:
        pass
    with pytest.raises(StoreError, match="closed"):
        await ledger.enter(clearance_of(), "h", b"")


# --- kill -9 -----------------------------------------------------------------------------------------------------

CHILD = """
import asyncio, os, sys
from palier.privacy.ledger import Chain
from palier.privacy.sealing import Sealer
from palier.stores.ledger import SqliteLedger
from palier.testing.ledger import clearance_of

start = sys.argv[2]

async def enter(ledger, task):
    for i in range(10**9):
        name = f"{start}-{task}-{i}"
        await ledger.enter(clearance_of(name), "h", name.encode())
        os.write(1, f"entry {name}\\n".encode())

async def keep(ledger, task):
    for i in range(10**9):
        name = f"{start}-{task}-{i}"
        await ledger.keep_map(name, 1e12, name.encode())
        os.write(1, f"map {name}\\n".encode())

async def main():
    ledger = SqliteLedger.open(sys.argv[1], Sealer([b"o" * 32]), Chain(), payload_days=1)
    await asyncio.gather(*(enter(ledger, t) for t in range(8)), *(keep(ledger, t) for t in range(2)))

asyncio.run(main())
"""


def killed(path: Path, start: str, after: int) -> list[tuple[str, str]]:
    """Run the child until it has acknowledged `after` writes; all that it acknowledged before it died."""
    command = [sys.executable, "-c", CHILD, str(path), start]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        lines = [child.stdout.readline() for _ in range(after)]
        child.kill()
        lines += child.stdout.readlines()
    said = [(line.split()[0], line.split()[1]) for line in lines if line.endswith("\n")]
    assert len(said) >= after
    return said


@pytest.mark.parametrize("seed", range(3))
async def test_nothing_acknowledged_is_lost_and_the_chain_is_whole(path: Path, seed: int) -> None:
    draw = random.Random(seed)
    acknowledged = set()
    for start in ("one", "two", "three"):  # each goes on with the chain that the one before left
        acknowledged |= set(killed(path, start, draw.randint(50, 600)))
    verdict = verified(path)
    assert verdict.intact, verdict.faults
    async with opened(path) as ledger:
        links = await chain_of(ledger)
        assert [link.sequence for link in links] == list(range(1, len(links) + 1))
        by_name = {link.entry.clearance.request: link.sequence for link in links}
        for kind, name in acknowledged:
            if kind == "entry":
                assert await ledger.payload(by_name[name]) == name.encode()
            else:
                assert await ledger.map_of(name) == name.encode()
        assert await ledger._database.read(lambda c: c.pragma("integrity_check")) == "ok"


# --- tampering, and reading --------------------------------------------------------------------------------------

BODY = "json_set(body, '$.clearance.destination', 'elsewhere')"


@pytest.mark.parametrize(
    ("sql", "entry"),
    [
        (f"UPDATE entry SET body = {BODY} WHERE sequence = 3", 3),
        ("UPDATE entry SET body = '' WHERE sequence = 3", 3),
        ("UPDATE entry SET body = x'ff' WHERE sequence = 3", 3),
        ("UPDATE entry SET body = CAST(x'ff00' AS TEXT) WHERE sequence = 3", 3),
        ("UPDATE entry SET hash = 17 WHERE sequence = 3", 3),
        ("UPDATE entry SET hash = zeroblob(32) WHERE sequence = 3", 3),
        ("DELETE FROM entry WHERE sequence = 3", 3),
        ("DELETE FROM entry WHERE sequence <= 3", 1),
        ("UPDATE entry SET sequence = 9 WHERE sequence = 3", 3),
        ("UPDATE entry SET sequence = -3 WHERE sequence = 3", -3),
        ("INSERT INTO entry (sequence, body, hash) VALUES (0, '{}', x'00')", 0),
        ("INSERT INTO entry (sequence, body, hash) SELECT 6, body, hash FROM entry WHERE sequence = 5", 6),
        ("UPDATE about SET installation = 'another'", 1),
    ],
)
async def test_what_is_done_to_the_file_is_found(path: Path, sql: str, entry: int) -> None:
    async with opened(path, days=0) as ledger:
        await fill(ledger)
    assert verified(path).intact
    tamper(path, sql)
    verdict = verified(path)
    assert not verdict.intact
    assert verdict.faults[0].sequence == entry, verdict.faults
    assert verdict.trusted == max(entry - 1, 0)


async def test_a_tampered_ledger_still_takes_entries(path: Path) -> None:
    """What leaves is written down; that it follows on nothing whole is for `verify` to say."""
    async with opened(path, days=0) as ledger:
        await fill(ledger)
    tamper(path, "UPDATE entry SET body = 'x', hash = x'00' WHERE sequence = 5")
    async with opened(path, days=0) as ledger:
        await ledger.enter(clearance_of("after"), "h", b"")
        assert [link.sequence for link in await ledger.entries(EntryFilter())] == [6, 5, 4, 3, 2, 1]
        assert [link.sequence for link in await ledger.entries(EntryFilter(destination="cloud"))] == [6, 4, 3, 2, 1]
    assert [fault.sequence for fault in verified(path).faults] == [5]


async def test_it_is_verified_while_it_is_written(path: Path) -> None:
    async with opened(path) as ledger:
        done = asyncio.Event()

        async def write() -> None:
            while not done.is_set():
                await asyncio.gather(*(ledger.enter(clearance_of(), "h", b"") for _ in range(50)))

        writing = asyncio.ensure_future(write())
        for _ in range(20):
            verdict = await asyncio.to_thread(verified, path)
            assert verdict.intact, verdict.faults
        done.set()
        await writing


async def test_a_copy_is_read_where_nothing_can_be_made(path: Path, tmp_path: Path) -> None:
    async with opened(path) as ledger:
        await fill(ledger)
    copy = tmp_path / "elsewhere #1?" / "copy.db"
    copy.parent.mkdir()
    copy.write_bytes(path.read_bytes())
    copy.chmod(0o400)
    copy.parent.chmod(0o500)
    assert verified(copy).entries == 5


@pytest.mark.parametrize("content", [b"", b"no database", b"SQLite format 3\x00" + b"\x00" * 200])
def test_what_is_no_ledger(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises((ConfigurationError, StoreError)):
        LedgerFile.open(path)
    with pytest.raises(ConfigurationError, match="no ledger"):
        LedgerFile.open(path.parent / "absent.db")


async def test_a_damaged_file_is_an_error(path: Path) -> None:
    async with opened(path) as ledger:
        await fill(ledger, 2_000)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] + os.urandom(len(whole) // 2))
    links: list[Link] = []
    with pytest.raises(StoreError):
        links.extend(LedgerFile.open(path).chain())


# --- keys --------------------------------------------------------------------------------------------------------


async def test_a_payload_opens_only_beside_its_own_digest(path: Path) -> None:
    async with opened(path) as ledger:
        await fill(ledger, 2)
        await ledger.keep_map("t1", 1e12, b"one")
        await ledger.keep_map("t2", 1e12, b"two")
    tamper(path, "UPDATE payload SET sealed = (SELECT sealed FROM payload WHERE sequence = 2) WHERE sequence = 1")
    tamper(path, "UPDATE map SET sealed = (SELECT sealed FROM map WHERE trace = 't2') WHERE trace = 't1'")
    async with opened(path) as ledger:
        with pytest.raises(StoreError, match="something else"):
            await ledger.payload(1)
        with pytest.raises(StoreError, match="something else"):
            await ledger.map_of("t1")
        assert await ledger.payload(2) == SECRET + b" 1"


@pytest.mark.parametrize("value", ["5", "'text'", "x''", "1.5"])
async def test_what_is_nothing_sealed_is_an_error(path: Path, value: str) -> None:
    async with opened(path) as ledger:
        await fill(ledger, 1)
        await ledger.keep_map("t", 1e12, b"map")
    tamper(path, f"UPDATE payload SET sealed = {value}")
    tamper(path, f"UPDATE map SET sealed = {value}")
    async with opened(path, NEW, OLD) as ledger:
        with pytest.raises(StoreError, match="not there"):
            await ledger.payload(1)
        with pytest.raises(StoreError, match="not there"):
            await ledger.map_of("t")
        assert (await ledger.reseal()).unreadable == 2
    tamper(path, f"UPDATE key SET sealed = {value}")
    with pytest.raises(ConfigurationError, match="can no longer be read"):
        SqliteLedger.open(path, Sealer([NEW, OLD]), Chain())


async def test_a_lost_key_is_found_at_the_start_and_says_what_it_costs(path: Path) -> None:
    async with opened(path) as ledger:
        await fill(ledger, 3)
        await ledger.keep_map("t", 1e12, b"map")
    today = time.strftime("%Y-%m-%d")
    for _ in range(2):
        with pytest.raises(ConfigurationError) as caught:
            SqliteLedger.open(path, Sealer([OTHER]), Chain())
        words = str(caught.value)
        assert Sealer([OLD]).key in words
        assert f"3 payloads and 1 vault maps of {today} to {today} can no longer be read" in words
        assert "nor 3 digests be compared" in words
        assert "--without-lost-key" in words
    async with opened(path, OLD) as ledger:
        assert await ledger.payload(1) == SECRET + b" 0"


async def test_a_lost_key_is_done_without_when_told_so(path: Path) -> None:
    async with opened(path) as ledger:
        await fill(ledger, 3)
        await ledger.keep_map("t", 1e12, b"map")
    async with opened(path, NEW, without_lost_key=True) as ledger:
        with pytest.raises(StoreError, match="not there"):
            await ledger.payload(1)
        with pytest.raises(StoreError, match="not there"):
            await ledger.map_of("t")
        await fill(ledger, 1)
        assert await ledger.payload(4) == SECRET + b" 0"
    async with opened(path, NEW) as ledger:  # once told, it need not be told again
        old, new = await ledger.keys()
        assert (old.there, old.payloads, old.maps, new.there, new.payloads) == (False, 3, 1, True, 1)
        assert old.given_up
    assert verified(path).intact
    async with opened(path, NEW, OLD) as ledger:  # and found again, it opens
        assert await ledger.payload(1) == SECRET + b" 0"
        assert await ledger.map_of("t") == b"map"
        assert [use.given_up for use in await ledger.keys()] == [None, None]
    with pytest.raises(ConfigurationError, match="not there"):
        SqliteLedger.open(path, Sealer([NEW]), Chain())


async def test_a_key_that_costs_nothing_is_no_loss(path: Path) -> None:
    async with opened(path, OLD):
        pass
    async with opened(path, NEW, days=0) as ledger:
        await ledger.enter(clearance_of(), "h", b"")
    with pytest.raises(ConfigurationError, match=r"0 payloads and 0 vault maps.*, nor 1 digests"):
        SqliteLedger.open(path, Sealer([OTHER]), Chain())


async def test_opening_tries_none_of_what_is_sealed(path: Path) -> None:
    """However much of it there is: the start must not read all payloads."""
    async with opened(path, OLD) as ledger:
        await fill(ledger, 50)
    tried: list[str] = []

    class Told(Sealer):
        def open(self, sealed: bytes, belongs: str) -> bytes:
            tried.append(belongs)
            return super().open(sealed, belongs)

    ledger = SqliteLedger.open(path, Told([OLD]), Chain())
    await ledger.close()
    assert tried == [f"digest key:{Sealer([OLD]).key}"]


async def test_a_second_loss_is_told_again(path: Path) -> None:
    async with opened(path, OLD) as ledger:
        await fill(ledger, 1)
    async with opened(path, NEW, without_lost_key=True) as ledger:
        await fill(ledger, 2)
    with pytest.raises(ConfigurationError, match="2 payloads") as caught:
        SqliteLedger.open(path, Sealer([OTHER]), Chain())
    assert Sealer([OLD]).key not in str(caught.value)


async def test_everything_is_sealed_anew(path: Path) -> None:
    async with opened(path, OLD) as ledger:
        await fill(ledger, 150)
        await asyncio.gather(*(ledger.keep_map(f"t{i}", 1e12, b"%d" % i) for i in range(150)))
        digest = (await chain_of(ledger))[0].entry.digest
    async with opened(path, NEW, OLD) as ledger:
        assert await ledger.payload(1) == SECRET + b" 0", "the old key opens"
        done = await ledger.reseal()
        assert (done.payloads, done.maps, done.unreadable) == (150, 150, 0)
        again = await ledger.reseal()
        assert (again.payloads, again.maps) == (0, 0)
    async with opened(path, NEW) as ledger:  # the old one is dropped
        assert [await ledger.payload(n) for n in (1, 150)] == [SECRET + b" 0", SECRET + b" 149"]
        assert [await ledger.map_of(f"t{i}") for i in range(150)] == [b"%d" % i for i in range(150)]
        await fill(ledger, 1)
        keys = [link.entry.digest_key for link in await chain_of(ledger)]
        assert keys[0] == Sealer([OLD]).key
        assert keys[-1] == Sealer([NEW]).key
    assert verified(path).intact
    file = LedgerFile.open(path)
    secret = file.digest_secret(Sealer([OLD]).key, Sealer([NEW]))
    assert secret is not None, "what old digests are keyed with is kept"
    assert keyed_digest(secret, SECRET + b" 0") == digest
    file.close()


async def test_what_does_not_open_stays_as_it_is(path: Path) -> None:
    async with opened(path, OTHER) as ledger:
        await fill(ledger, 2)
    async with opened(path, OLD, without_lost_key=True) as ledger:
        await fill(ledger, 3)
    tamper(path, "UPDATE payload SET sealed = x'00' WHERE sequence = 4")
    async with opened(path, NEW, OLD) as ledger:
        done = await ledger.reseal()
        assert (done.payloads, done.unreadable) == (2, 3)
    async with opened(path, NEW, OTHER) as ledger:
        assert await ledger.payload(1) == SECRET + b" 0"
        assert await ledger.payload(3) == SECRET + b" 0"


RESEAL = """
import asyncio, os, sys
from palier.privacy.ledger import Chain
from palier.privacy.sealing import Sealer
from palier.stores import sealed
from palier.stores.ledger import SqliteLedger

sealed.SLICE = 8

class Told(Sealer):
    def seal(self, content, belongs):
        os.write(1, b"sealed\\n")
        return super().seal(content, belongs)

async def main():
    ledger = SqliteLedger.open(sys.argv[1], Told([b"n" * 32, b"o" * 32]), Chain())
    await ledger.reseal()

asyncio.run(main())
"""


@pytest.mark.parametrize("after", [1, 40, 130, 250])
async def test_sealing_anew_survives_its_end(path: Path, after: int) -> None:
    async with opened(path, OLD) as ledger:
        await fill(ledger, 120)
        await asyncio.gather(*(ledger.keep_map(f"t{i}", 1e12, b"%d" % i) for i in range(120)))
    with subprocess.Popen([sys.executable, "-c", RESEAL, str(path)], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        for _ in range(after):
            child.stdout.readline()
        child.kill()
    async with opened(path, NEW, OLD) as ledger:
        assert [await ledger.payload(n) for n in (1, 60, 120)] == [SECRET + b" %d" % n for n in (0, 59, 119)]
        assert (await ledger.reseal()).unreadable == 0
    async with opened(path, NEW) as ledger:
        assert [await ledger.payload(n) for n in range(1, 121)] == [SECRET + b" %d" % n for n in range(120)]
        assert [await ledger.map_of(f"t{i}") for i in range(120)] == [b"%d" % i for i in range(120)]


def test_a_file_of_another_kind_is_left_alone(path: Path) -> None:
    tamper(path, "CREATE TABLE mine (x)")
    before = path.read_bytes()
    with pytest.raises(StoreError, match="not a file of palier's ledger"):
        SqliteLedger.open(path, Sealer([OLD]), Chain())
    assert path.read_bytes() == before
