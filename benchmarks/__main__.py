"""Every benchmark, one after the other, on a machine that does nothing else: `make bench`, about an hour.

Those of the public data run when PALIER_BENCH_DATA names their folder.
"""

from __future__ import annotations

import os
import subprocess
import sys

OWN = (
    "footprint",
    "gateway",
    "engine",
    "retrieval_store",
    "ingest",
    "redaction_speed",
    "soak",
    "pii",
    "interval_coverage",
    "runner_overhead",
    "judge_by_construction",
)
ON_PUBLIC_DATA = (
    "extract_piaf",
    "retrieval_piaf",
    "retrieval_public_service",
    "heads",
    "banking77",
    "frugalgpt",
    "tables",
    "language",
    "escalation_curves",
    "validity",
    "router_routellm",
    "drift",
    "metric_agreement",
)


def main() -> int:
    """How many failed."""
    data = bool(os.environ.get("PALIER_BENCH_DATA"))
    if not data:
        print(f"without PALIER_BENCH_DATA: {', '.join(ON_PUBLIC_DATA)} are left out", file=sys.stderr)
    failed = 0
    for name in (*OWN, *(ON_PUBLIC_DATA if data else ())):
        print(f"--- {name}", file=sys.stderr)
        failed += subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=False).returncode != 0
    return failed


if __name__ == "__main__":
    sys.exit(main())
