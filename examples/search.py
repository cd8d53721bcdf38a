"""See what a question finds, without asking anybody: python examples/search.py "box rouge" """

import sys

from palier import SyncPalier

with SyncPalier.open("examples/armorique/palier.toml") as p:
    for hit in p.search(" ".join(sys.argv[1:]) or "box rouge", limit=5):
        print(f"{hit.score:.3f}  {hit.title} ({hit.label})\n       {hit.text[:120]!r}")
