"""Where a result comes from: machine, commit, date, command; and the file it is kept in."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "results"
ROOT = Path(__file__).parent.parent


def data_folder(argument: str | None) -> Path:
    """The folder of public data: `--data`, else `PALIER_BENCH_DATA`; says what to do when there is none."""
    named = argument or os.environ.get("PALIER_BENCH_DATA", "")
    if not named or not Path(named).is_dir():
        sys.exit("the public data are not here: give --data FOLDER or set PALIER_BENCH_DATA (see benchmarks/README.md)")
    return Path(named)


def machine() -> dict[str, Any]:
    """Processor, cores, memory, system and Python."""
    model = platform.processor()
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), model)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**30
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "memory_gib": memory,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "load_before": round(os.getloadavg()[0], 2),
    }


def commit() -> str:
    """The commit that was measured, with a mark when the tree held more than it."""
    git = ["git", "-C", str(ROOT)]
    head = subprocess.run([*git, "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout
    changed = subprocess.run([*git, "status", "--porcelain", "src"], capture_output=True, text=True, check=False).stdout
    return head.strip() + (" with changes" if changed.strip() else "")


def mean_and_error(values: Sequence[float]) -> dict[str, float]:
    """Mean over repeats and its standard error."""
    error = statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else float("nan")
    return {"mean": round(statistics.fmean(values), 4), "error": round(error, 4), "repeats": len(values)}


def keep(name: str, figures: dict[str, Any]) -> Path:
    """Write `results/NAME.json` and print the figures."""
    script = Path(sys.argv[0]).stem
    command = " ".join(
        ["python", "-m", f"benchmarks.{script}", *(a for a in sys.argv[1:] if not Path(a).is_absolute())]
    )
    kept = {
        "benchmark": name,
        "date": time.strftime("%Y-%m-%d"),
        "commit": commit(),
        "command": command,
        "machine": machine(),
        "figures": figures,
    }
    FOLDER.mkdir(exist_ok=True)
    file = FOLDER / f"{name}.json"
    file.write_text(json.dumps(kept, indent=2, ensure_ascii=False) + "\n")
    print(json.dumps(figures, indent=2, ensure_ascii=False))
    print(f"kept in benchmarks/results/{file.name}", file=sys.stderr)
    return file
