"""A law of forgetting, against a plain model: what is concerned is found, nothing else, however requests are linked."""

from __future__ import annotations

import tempfile
from pathlib import Path
from unittest.mock import patch

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from palier.interfaces import Erasure
from palier.pipeline.journey import digest
from palier.stores import erasure as erasing
from palier.stores.erasure import ErasableTraces, nameless
from palier.stores.traces import SqliteTraces
from palier.testing.traces import CREATED, content_of, trace_of
from palier.types import Message, Trace

USERS = ["ann", "ann ", "ann\0", "forgotten", "Zoé"]
KEYS = ["d/a#0", "d/a#12", "d/a#1#0", "d/a#", "d/a#x", "d/ab#0", "e/a#0", "d/a#٣", "d/a\0#0"]
OF_A = {"d/a#0", "d/a#12"}
requests = st.lists(
    st.tuples(
        st.sampled_from(USERS),
        st.lists(st.sampled_from(KEYS), max_size=2),
        st.lists(st.integers(0, 11), max_size=2),  # the requests before whose answers it sends back
        st.booleans(),  # whether its words are kept
    ),
    max_size=12,
)


def _traces(drawn: list[tuple[str, list[str], list[int], bool]]) -> list[Trace]:
    made = []
    for n, (user, evidence, quoted, worded) in enumerate(drawn):
        said = tuple(Message(role="assistant", content=f"answer  {q}") for q in quoted if q < n)
        content = msgspec.structs.replace(content_of(), messages=said, answer=f"answer {n}", drafts={})
        trace = trace_of(f"t{n:02}", CREATED + n // 3, content=content if worded else None)
        made.append(msgspec.structs.replace(trace, principal=user, evidence=tuple(evidence)))
    return made


def _concerned(traces: list[Trace]) -> list[str]:
    """Found for document `d/a`, or sends back the answer of one that is concerned, as far as words are kept."""
    found: list[str] = []
    for trace in traces:
        turns = trace.content.messages if trace.content else ()
        quoted = {f"t{int(turn.content.split()[1]):02}" for turn in turns}
        worded = {other.id for other in traces if other.content}
        if OF_A & set(trace.evidence) or quoted & set(found) & worded:
            found.append(trace.id)
    return found[::-1]


@settings(max_examples=40, deadline=None)
@given(drawn=requests, page=st.integers(1, 5), user=st.sampled_from(["", "", "", *USERS]))
async def test_what_is_concerned_is_forgotten_and_nothing_else(drawn, page, user):
    made = _traces(drawn)
    before = CREATED + 100
    erasure = Erasure(user=user, before=before) if user else Erasure(collection="d", document="a", before=before)
    expected = [trace.id for trace in made if trace.principal == user][::-1] if user else _concerned(made)
    with tempfile.TemporaryDirectory() as folder, patch.multiple(erasing, PAGE=page, WORDS=page, SLICE=page):
        traces = SqliteTraces.open(Path(folder) / "traces.db")
        store = ErasableTraces(traces.database)
        for trace in made:
            await traces.record(trace)
        assert list(await store.requests(erasure, digest)) == expected
        erasure = msgspec.structs.replace(erasure, requests=tuple(expected))
        counts = await store.forget(erasure)
        assert counts["requests"] == len(expected)
        assert counts["contents"] == sum(trace.content is not None for trace in made if trace.id in expected)
        for trace in made:
            assert await traces.get(trace.id) == (nameless(trace, erasure) if trace.id in expected else trace)
        assert sorted(await store.forgotten()) == sorted(expected)
        if not user or user != erasing.NOBODY_NAME:
            assert await store.requests(erasure, digest) == ()
        await traces.close()
