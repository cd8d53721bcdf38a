"""The data folder: private, owned by one process, and found by the other."""

from __future__ import annotations

import os
import re
import signal
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from palier.errors import ConfigurationError, DataFolderBusy, StoreError
from palier.stores.folder import SOCKET_PATH_BYTES, DataFolder

HOLD = """
import sys, pathlib
from palier.stores.folder import DataFolder
with DataFolder.claim(pathlib.Path(sys.argv[2])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def held(tmp_path):
    """A folder that another process owns, and that process."""
    folder = tmp_path / "data"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, "serve it", str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout.readline() == "held\n"
        yield folder, child
        child.kill()


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_it_is_made_for_this_user_alone(tmp_path):
    with DataFolder.claim(tmp_path / "a" / "data") as folder:
        assert _mode(folder.path) == 0o700
        assert _mode(folder.lock_file) == 0o600
        assert folder.knowledge.parent == folder.traces.parent == folder.state.parent == folder.path


def test_the_second_is_told_who_holds_it(held):
    folder, child = held
    with pytest.raises(DataFolderBusy) as caught, DataFolder.claim(folder):
        pass
    assert f"process {child.pid} " in caught.value.message
    assert "'serve it'" in caught.value.message
    assert re.search(r"since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d", caught.value.message)
    assert f"kill {child.pid}" in caught.value.hint
    assert DataFolder(folder).holder().pid == child.pid


def test_the_file_of_a_dead_process_is_no_obstacle(held):
    folder, child = held
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert str(child.pid) in DataFolder(folder).lock_file.read_text()
    assert DataFolder(folder).holder() is None
    with DataFolder.claim(folder) as claimed:
        assert claimed.holder().pid == os.getpid()


def test_twice_in_one_process_is_once_too_often(tmp_path):
    with DataFolder.claim(tmp_path), pytest.raises(DataFolderBusy), DataFolder.claim(tmp_path):
        pass
    with DataFolder.claim(tmp_path):
        pass


def test_nobody_holds_what_was_never_claimed(tmp_path):
    assert DataFolder(tmp_path).holder() is None
    assert DataFolder(tmp_path / "absent").holder() is None


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b'{"pid": "x"}'])
def test_a_lock_file_that_says_nothing_still_locks(tmp_path, content):
    with DataFolder.claim(tmp_path) as folder:
        folder.lock_file.write_bytes(content)
        with pytest.raises(DataFolderBusy, match="in use by another process"), DataFolder.claim(tmp_path):
            pass


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be made"), DataFolder.claim(tmp_path / "file" / "data"):
        pass


def test_the_socket_is_in_the_folder_where_its_path_fits(tmp_path):
    short = Path(tempfile.gettempdir()) / "d"
    assert DataFolder(short).admin_socket == short / "admin.sock"


def test_a_long_path_has_a_short_socket(tmp_path):
    long = tmp_path / ("é" * 60)
    with DataFolder.claim(long) as folder:
        address = folder.admin_socket
        try:
            assert len(os.fsencode(address)) <= SOCKET_PATH_BYTES
            assert address == DataFolder(long).admin_socket != DataFolder(tmp_path / ("è" * 60)).admin_socket
            assert _mode(address.parent) == 0o700
        finally:
            address.parent.rmdir()


def test_a_short_socket_in_somebody_elses_folder_is_refused(tmp_path):
    long = tmp_path / ("y" * 120)
    taken = DataFolder(long).admin_socket.parent
    taken.mkdir(mode=0o755)
    try:
        with pytest.raises(ConfigurationError, match="not a folder of this user alone"), DataFolder.claim(long):
            pass
    finally:
        taken.rmdir()


def test_the_key_is_made_once_and_private(tmp_path):
    folder = DataFolder(tmp_path)
    key = folder.access_key()
    assert len(key) >= 40
    assert folder.access_key() == key
    assert _mode(folder.key_file) == 0o600
    assert key not in repr(folder)


def test_a_key_that_others_may_read_is_refused(tmp_path):
    folder = DataFolder(tmp_path)
    folder.access_key()
    folder.key_file.chmod(0o640)
    with pytest.raises(ConfigurationError, match="chmod 600"):
        folder.access_key()


def test_an_empty_key_is_refused(tmp_path):
    folder = DataFolder(tmp_path)
    folder.key_file.touch(mode=0o600)
    with pytest.raises(ConfigurationError, match="is empty"):
        folder.access_key()


def test_a_key_that_was_not_written_whole_is_made_again(tmp_path):
    folder = DataFolder(tmp_path)
    (tmp_path / "key.new").write_text("half")
    key = folder.access_key()
    assert len(key) > 40
    assert DataFolder(tmp_path).access_key() == key
    assert not (tmp_path / "key.new").exists()


def test_a_command_of_any_bytes_can_hold_the_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["palier", "ask", "caf\udce9"])
    with DataFolder.claim(tmp_path / "data") as folder:
        holder = folder.holder()
    assert holder is not None
    assert holder.command == "palier ask"


def test_what_was_asked_does_not_stand_in_the_lock(tmp_path, monkeypatch):
    for arguments in (["ask", "Who is Marie?"], ["forget", "--user", "Marie"], ["--user", "Marie"]):
        monkeypatch.setattr(sys, "argv", ["palier", *arguments])
        with DataFolder.claim(tmp_path / "data") as folder:
            assert "Marie" not in folder.lock_file.read_text()


def test_requests_are_drawn_by_a_key_that_no_client_has(tmp_path):
    folder = DataFolder(tmp_path)
    drawn_by = folder.audit_key()
    assert drawn_by == DataFolder(tmp_path).audit_key() != folder.access_key().encode()
    assert stat.S_IMODE((tmp_path / "audit-key").stat().st_mode) == 0o600


def test_the_key_of_fingerprints_is_made_once_for_its_owner_alone(tmp_path):
    with DataFolder.claim(tmp_path) as folder:
        key = folder.fingerprint_key()
        assert 32 <= len(key) <= 64, "what BLAKE2b takes"
        assert folder.fingerprint_key() == key != folder.audit_key()
        assert _mode(tmp_path / "fingerprint.key") == 0o600
        (tmp_path / "fingerprint.key").chmod(0o644)
        with pytest.raises(ConfigurationError, match="may be read by others"):
            folder.fingerprint_key()
