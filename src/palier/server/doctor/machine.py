"""The machine: system, Python, cores, memory, disk."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Iterator
from pathlib import Path

from palier.server.doctor.finding import Finding

SUPPORTED = {("Linux", "x86_64"), ("Linux", "aarch64"), ("Darwin", "arm64")}
LEAST_MEMORY = 2 * 10**9
LEAST_DISK = 1 * 10**9


def check(data: Path) -> Iterator[Finding]:
    """Findings on this machine; `data` is the data folder, which need not exist."""
    yield _system()
    yield _cores()
    yield _memory()
    yield _disk(data)


def _system() -> Finding:
    system, architecture = platform.system(), platform.machine()
    words = f"{system} {platform.release()} on {architecture}, Python {platform.python_version()}"
    if (system, architecture) not in SUPPORTED:
        advice = "palier is tested on Linux x86-64 and arm64 and on macOS arm64; on Windows use WSL"
        return Finding(check="system", status="warn", detail=words, advice=advice)
    return Finding(check="system", detail=words)


def _cores() -> Finding:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if cores < 2:
        advice = "the small model and the gateway will share one core: give it two"
        return Finding(check="cores", status="warn", detail=f"{cores} core", advice=advice)
    return Finding(check="cores", detail=f"{cores} cores")


def _memory() -> Finding:
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    limit = min(total, _container_limit() or total)
    words = f"{limit / 1e9:.1f} GB" + (f" of {total / 1e9:.1f} (a container's limit)" if limit < total else "")
    if limit < LEAST_MEMORY:
        advice = "parsing documents and the small model together want 2 GB"
        return Finding(check="memory", status="warn", detail=words, advice=advice)
    return Finding(check="memory", detail=words)


def _container_limit() -> int | None:
    """Bytes the control group allows, where there is one."""
    for file in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            text = Path(file).read_text(encoding="ascii").strip()
        except OSError:
            continue
        if text.isdigit():
            return int(text)
    return None


def _disk(data: Path) -> Finding:
    standing = next(folder for folder in (data, *data.parents) if folder.exists())
    free = shutil.disk_usage(standing).free
    words = f"{free / 1e9:.1f} GB free for {data}"
    if free < LEAST_DISK:
        advice = "free some space, or set `data` to another disk: a full disk stops the recording of requests"
        return Finding(check="disk", status="fail" if free < LEAST_DISK / 10 else "warn", detail=words, advice=advice)
    return Finding(check="disk", detail=words)
