"""The nouns of palier: requests, prompts, events, drafts, decisions, traces.

Everything here is plain immutable data (msgspec structs): no behaviour that needs input or output, so that every
floor can speak of the same things. Times are seconds since the epoch unless the name says `_ms`; costs are US dollars;
energy is watt-hours; carbon is grams of CO2 equivalent.
"""

from palier.types.data import JSON, Data, Features
from palier.types.drafts import (
    Choice,
    Cited,
    Clearance,
    Delta,
    Draft,
    Event,
    Finish,
    Metered,
    Prompt,
    TokenLogprob,
    ToolDelta,
    Verdict,
)
from palier.types.knowledge import Document, FailingSource, Hit, Passage, Shelved
from palier.types.labels import Label
from palier.types.numbers import UNKNOWN, Quantity, Usage
from palier.types.outcomes import (
    Completed,
    Decision,
    Guarded,
    GuardPlace,
    Marked,
    Outcome,
    Result,
    Source,
    Step,
    Trace,
    TraceContent,
    TraceStatus,
)
from palier.types.requests import Message, Parameters, Principal, Request, ToolCall

__all__ = [
    "JSON",
    "UNKNOWN",
    "Choice",
    "Cited",
    "Clearance",
    "Completed",
    "Data",
    "Decision",
    "Delta",
    "Document",
    "Draft",
    "Event",
    "FailingSource",
    "Features",
    "Finish",
    "GuardPlace",
    "Guarded",
    "Hit",
    "Label",
    "Marked",
    "Message",
    "Metered",
    "Outcome",
    "Parameters",
    "Passage",
    "Principal",
    "Prompt",
    "Quantity",
    "Request",
    "Result",
    "Shelved",
    "Source",
    "Step",
    "TokenLogprob",
    "ToolCall",
    "ToolDelta",
    "Trace",
    "TraceContent",
    "TraceStatus",
    "Usage",
    "Verdict",
]
