"""The data folder: who holds it, who may read it, and whether its files are whole."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

from palier.config import Settings
from palier.errors import PalierError
from palier.server.doctor.finding import Finding
from palier.stores.folder import DataFolder


def check(settings: Settings) -> Iterator[Finding]:
    """Findings on the folder and each of its files. A folder that is not there yet is well."""
    folder = DataFolder(settings.folder)
    if not folder.path.is_dir():
        yield Finding(check="data folder", detail=f"{folder.path} will be made at first use")
        return
    yield _private("data folder", folder.path, 0o700)
    if folder.key_file.exists():
        yield _private("access key", folder.key_file, 0o600)
    try:
        holder = folder.holder()
    except PalierError as error:
        yield Finding.failed("lock", error)
    else:
        words = f"held by process {holder.pid} (`{holder.command}`)" if holder else "free"
        yield Finding(check="lock", detail=words)
    for path in (folder.knowledge, folder.traces, folder.access, folder.ledger, folder.lessons, folder.state):
        if path.exists():
            yield _whole(path)


def _private(check: str, path: Path, mode: int) -> Finding:
    actual = stat.S_IMODE(path.stat().st_mode)
    if actual & ~mode:
        detail = f"{path} has mode {actual:04o}: others may read it"
        return Finding(check=check, status="fail", detail=detail, advice=f"chmod {mode:o} {path}")
    return Finding(check=check, detail=f"{path}, this user's alone")


def _whole(path: Path) -> Finding:
    import apsw

    check = f"store {path.name}"
    try:
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
        connection.set_busy_timeout(5000)
        try:
            version = connection.pragma("user_version")
            verdict = str(connection.execute("PRAGMA quick_check(1)").get)
        finally:
            connection.close()
    except apsw.Error as error:
        verdict, version = str(error), "?"
    if verdict != "ok":
        advice = "restore it from a backup (palier restore-backup), or move it away and begin anew"
        return Finding(check=check, status="fail", detail=f"{path} is damaged: {verdict}", advice=advice)
    size = sum(part.stat().st_size for part in (path, path.with_name(f"{path.name}-wal")) if part.exists())
    return Finding(check=check, detail=f"whole, version {version}, {size / 1e6:.1f} MB")
