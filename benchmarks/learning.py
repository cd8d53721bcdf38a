"""The loop on the sample company: what climbs, and what it costs, before and after a student was taught and promoted.

    python -m benchmarks.learning

`make learn-demo` as it is, whole, and its figures: 725 messages of round 0, a holdout of 400 asked before and after,
lessons whose labels were shuffled (line by line, and kind by kind), and the way back. The large model is a stand-in
that answers with the labels that people gave: it is never wrong, so that quality can only fall, and it answers at once,
so that latency is that of the gateway. Ends with an error where anything is not shown.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.results import ROOT, keep


def shown(*options: str) -> dict[str, Any]:
    """The figures of one demonstration."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "figures.json"
        script = ROOT / "examples" / "learn_demo.py"
        command = [sys.executable, str(script), "--folder", f"{folder}/desk", "--figures", str(file), *options]
        subprocess.run(command, check=True, stdout=sys.stderr)
        found: dict[str, Any] = json.loads(file.read_text())
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.parse_args()
    keep("learning", {"lines shuffled": shown(), "kinds shuffled": shown("--kinds")})


if __name__ == "__main__":
    main()
