"""The seams: what the parts of floor 2 ask of each other, and what third parties may supply.

Each is one to four methods. The parts never import one another: `app` hands each its partners. A conformance suite for
each seam is in `palier.testing`.
"""

from palier.interfaces.access import Actions, Directory, KeyFinder, Keys, Purse
from palier.interfaces.deciding import Confidence, Decide, Rule
from palier.interfaces.door import (
    Admission,
    Destination,
    Filtering,
    Gate,
    Ledger,
    Links,
    Marker,
    MarkNumbers,
    Marks,
    Redactions,
    Redactor,
    Restoring,
    Turns,
    Vault,
)
from palier.interfaces.erasure import Erasable, Erasure
from palier.interfaces.guarding import Context, Guard, Scorer, Span
from palier.interfaces.knowledge import Access, Documents, Evidence, PassageIndex, Retriever
from palier.interfaces.ledger import Chaining, Entry, EntryFilter, Head, Headed, Link, Sealing
from palier.interfaces.lessons import Asking, LessonIndex, Lessons, SourceDocument, Sources
from palier.interfaces.measuring import Builder, Metric
from palier.interfaces.models import Adaptable, Connector, Encoder, Model, Reply, Resources, Startable, Vectors, Workers
from palier.interfaces.personal import Entity, Recogniser
from palier.interfaces.records import (
    Answers,
    Audits,
    BucketedHours,
    Hours,
    Judgements,
    Ratings,
    SearchableTraces,
    Traces,
    TraceSearch,
    Watched,
)

__all__ = [
    "Access",
    "Actions",
    "Adaptable",
    "Admission",
    "Answers",
    "Asking",
    "Audits",
    "BucketedHours",
    "Builder",
    "Chaining",
    "Confidence",
    "Connector",
    "Context",
    "Decide",
    "Destination",
    "Directory",
    "Documents",
    "Encoder",
    "Entity",
    "Entry",
    "EntryFilter",
    "Erasable",
    "Erasure",
    "Evidence",
    "Filtering",
    "Gate",
    "Guard",
    "Head",
    "Headed",
    "Hours",
    "Judgements",
    "KeyFinder",
    "Keys",
    "Ledger",
    "LessonIndex",
    "Lessons",
    "Link",
    "Links",
    "MarkNumbers",
    "Marker",
    "Marks",
    "Metric",
    "Model",
    "PassageIndex",
    "Purse",
    "Ratings",
    "Recogniser",
    "Redactions",
    "Redactor",
    "Reply",
    "Resources",
    "Restoring",
    "Retriever",
    "Rule",
    "Scorer",
    "Sealing",
    "SearchableTraces",
    "SourceDocument",
    "Sources",
    "Span",
    "Startable",
    "TraceSearch",
    "Traces",
    "Turns",
    "Vault",
    "Vectors",
    "Watched",
    "Workers",
]
