"""What palier costs before it does anything: import time, and the gateway's resident memory without an engine.

python -m benchmarks.footprint
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil

from benchmarks.gateway import free_ports, wait_for
from benchmarks.results import keep, mean_and_error
from benchmarks.soak import ARMORIQUE, CONFIG, ask, memory

IMPORT = "import time; t = time.perf_counter(); import palier; print(time.perf_counter() - t)"
OPEN = "import time; t = time.perf_counter(); from palier import Palier; print(time.perf_counter() - t)"


def seconds(script: str, repeats: int = 11) -> dict[str, float]:
    """How long a script says that it took, in a fresh interpreter each time."""
    runs = [
        subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
        for _ in range(repeats)
    ]
    return mean_and_error([float(run.stdout) for run in runs])


async def resident() -> dict[str, float]:
    """MiB of the gateway and of its children, after the sample company's questions."""
    questions = [json.loads(line)["question"] for line in (ARMORIQUE / "teacher.jsonl").read_text().splitlines()]
    port = free_ports(1)[0]
    with tempfile.TemporaryDirectory() as temporary:
        config = Path(temporary) / "palier.toml"
        config.write_text(CONFIG.format(port=port, teacher=ARMORIQUE / "teacher.jsonl"))
        palier = [sys.executable, "-m", "palier"]
        folder = str(ARMORIQUE / "documents" / "public")
        subprocess.run(
            [*palier, "ingest", folder, "--collection", "armorique", "--label", "public", "--config", str(config)],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        gateway = subprocess.Popen([*palier, "serve", "--config", str(config)], stdout=subprocess.DEVNULL)
        try:
            await wait_for(port)
            key = (Path(temporary) / "data" / "key").read_text().strip()
            at_rest, _ = memory(psutil.Process(gateway.pid))
            for number, question in enumerate(questions):
                await ask(port, key, question, number)
            mine, children = memory(psutil.Process(gateway.pid))
        finally:
            gateway.terminate()
            gateway.wait(20)
    return {
        "gateway_at_rest_mib": round(at_rest, 1),
        "gateway_after_questions_mib": round(mine, 1),
        "workers_mib": round(children, 1),
        "questions": len(questions),
    }


def main() -> None:
    keep(
        "footprint",
        {"import_palier_s": seconds(IMPORT), "import_the_class_s": seconds(OPEN), "resident": asyncio.run(resident())},
    )


if __name__ == "__main__":
    main()
