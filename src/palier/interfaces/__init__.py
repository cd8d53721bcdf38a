"""The seams: what the parts of floor 2 ask of each other, and what third parties may supply.

Each is one to four methods. The parts never import one another: `app` hands each its partners. A conformance suite for
each seam is in `palier.testing`.
"""

from palier.interfaces.deciding import Confidence, Decide, Rule
from palier.interfaces.door import Admission, Gate, Ledger
from palier.interfaces.knowledge import Documents, PassageIndex, Retriever
from palier.interfaces.models import Connector, Encoder, Model, Reply, Resources, Startable, Vectors, Workers
from palier.interfaces.personal import Entity, Recogniser
from palier.interfaces.records import Answers, Audits, Judgements, Ratings, Traces, Watched

__all__ = [
    "Admission",
    "Answers",
    "Audits",
    "Confidence",
    "Connector",
    "Decide",
    "Documents",
    "Encoder",
    "Entity",
    "Gate",
    "Judgements",
    "Ledger",
    "Model",
    "PassageIndex",
    "Ratings",
    "Recogniser",
    "Reply",
    "Resources",
    "Retriever",
    "Rule",
    "Startable",
    "Traces",
    "Vectors",
    "Watched",
    "Workers",
]
