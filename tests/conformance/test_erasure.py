"""The erasure suite on the stores that forget."""

import msgspec
import pytest

from palier.audits import Feedback
from palier.interfaces import Erasure
from palier.lessons import Evidence, Origin
from palier.privacy.ledger import Chain
from palier.privacy.sealing import Sealer
from palier.stores.audits import SqliteAudits
from palier.stores.erasure import ErasableKnowledge, ErasableLedger, ErasableTraces
from palier.stores.feedback import SqliteFeedback
from palier.stores.knowledge import SqliteKnowledge
from palier.stores.ledger import SqliteLedger
from palier.stores.lessons import ErasableLessons, SqliteLessons
from palier.stores.shadows import SqliteShadows
from palier.stores.traces import SqliteTraces
from palier.testing.audits import done_of, judgement_of, words_of
from palier.testing.documents import DIMENSION, ENCODER, analyse, entry
from palier.testing.erasure import WORD, ErasureSuite
from palier.testing.ledger import clearance_of
from palier.testing.lessons import lesson_of, vectors_of
from palier.testing.shadows import shadowed_of
from palier.testing.traces import CREATED, content_of, trace_of
from palier.types import Label
from palier.versions import ShadowWords


@pytest.fixture
def folder(tmp_path):
    return tmp_path


@pytest.fixture
async def traces(folder):
    """Two users asked of two documents; each request is audited, judged and commented on."""
    opened = SqliteTraces.open(folder / "traces.db")
    audits, feedback = SqliteAudits(opened.database), SqliteFeedback(opened.database)
    shadows = SqliteShadows(opened.database)
    for name, words in (("gone", f"{WORD} asks"), ("kept", "somebody asks")):
        content = content_of(words, 9e9)
        trace = msgspec.structs.replace(
            trace_of(name, content=content), principal=f"{name}-user", evidence=(f"docs/{name}#0",)
        )
        await audits.draw(trace, done_of(name, words=words_of(name, {"tier-1": words}, 9e9)))
        await audits.judge([judgement_of(name, who=f"{name}-user")])
        said = Feedback(trace=name, principal=f"{name}-user", rating="up", comment=words, created=1.0)
        await feedback.rate(said, Label.INTERNAL, 9e9)
        answered = ShadowWords(label=Label.INTERNAL, expires=9e9, answer=words)
        assert await shadows.keep(shadowed_of(name, words=answered))
    yield opened
    await opened.close()


class TestTracesOfAUser(ErasureSuite):
    gone = Erasure(user="gone-user", before=CREATED, requests=("gone",))
    kept = Erasure(user="kept-user", before=CREATED, requests=("kept",))

    @pytest.fixture
    def store(self, traces):
        return ErasableTraces(traces.database)


class TestTracesOfADocument(ErasureSuite):
    gone = Erasure(collection="docs", document="gone", before=CREATED, requests=("gone",))
    kept = Erasure(collection="docs", document="kept", before=CREATED, requests=("kept",))

    @pytest.fixture
    def store(self, traces):
        return ErasableTraces(traces.database)


class TestKnowledge(ErasureSuite):
    gone = Erasure(collection="c", document="gone", before=CREATED)
    kept = Erasure(collection="c", document="kept", before=CREATED)

    @pytest.fixture
    async def store(self, folder):
        opened = SqliteKnowledge.open(folder / "knowledge.db", ENCODER, DIMENSION, analyse)
        for name, text in (("gone", f"{WORD} stands here"), ("kept", "nothing stands here")):
            await opened.put([entry(name, "c", [text, f"{text} too"], [[1.0], [0.0, 1.0]])])
        yield ErasableKnowledge(opened.database)
        await opened.close()


@pytest.fixture
async def lessons(folder):
    """Of two users, each of a document of its own; one more is nobody's, and was reviewed."""
    opened = SqliteLessons.open(folder / "lessons.db")
    for name, words in (("gone", f"{WORD} asks"), ("kept", "somebody asks")):
        origin = Origin(name=f"n-{name}", trace=f"t-{name}", who=f"hash of {name}-user")
        evidence = (Evidence(text=words, collection="docs", document=name),)
        reviewed = lesson_of(f"r-{name}", question="?", evidence=(), reviewer=f"{name}-user", origin=Origin(name=name))
        made = [lesson_of(name, question=words, origin=origin, evidence=evidence), reviewed]
        await opened.add(made, vectors_of(2), "encoder")
    yield opened
    await opened.close()


class TestLessonsOfAUser(ErasureSuite):
    gone = Erasure(user="gone-user", before=CREATED, requests=("t-gone",))
    kept = Erasure(user="kept-user", before=CREATED, requests=("t-kept",))

    @pytest.fixture
    def store(self, lessons):
        return ErasableLessons(lessons.database, lambda user: f"hash of {user}")


class TestLessonsOfACorrector(TestLessonsOfAUser):
    """Who asked is another: the correction is theirs all the same."""

    gone = Erasure(user="gone-user", before=CREATED)
    kept = Erasure(user="kept-user", before=CREATED)


class TestLessonsOfADocument(ErasureSuite):
    gone = Erasure(collection="docs", document="gone", before=CREATED)
    kept = Erasure(collection="docs", document="kept", before=CREATED)

    @pytest.fixture
    def store(self, lessons):
        return ErasableLessons(lessons.database, lambda user: f"hash of {user}")


class TestLedger(ErasureSuite):
    gone = Erasure(user="somebody", before=CREATED, requests=("gone",))
    kept = Erasure(user="somebody", before=CREATED, requests=("kept",))
    sealed = True

    @pytest.fixture
    async def store(self, folder):
        opened = SqliteLedger.open(folder / "ledger.db", Sealer([b"k" * 32]), Chain(), payload_days=9.0)
        for name in ("gone", "kept"):
            await opened.keep_map(name, 9e9, WORD.encode())
            await opened.enter(clearance_of(name), "cloud.example", WORD.encode())
        yield ErasableLedger(opened)
        await opened.close()
