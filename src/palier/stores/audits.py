"""Audits and their judgements, in the file of the traces: a drawn request is kept in one commit with its trace."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import apsw
import msgspec

from palier.audits import Audit, AuditCount, AuditWords, Judgement, unworded
from palier.errors import NotFound
from palier.spending import AuditsTook
from palier.stores.rows import Row, record
from palier.stores.schema import statements
from palier.stores.sqlite import Database
from palier.types import Features, Trace


class JudgedDraft(NamedTuple):
    """A draft that was judged. `place`: when it was asked for, and of which request; `worth`: how right, in [0, 1]."""

    place: tuple[float, str]
    features: Features
    worth: float


_features = msgspec.json.Decoder(dict[str, float])


class SqliteAudits:
    """`Audits` and `Judgements` of `interfaces`, on the database of `SqliteTraces`, which opens and closes it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # --- drawn requests --------------------------------------------------------------------------------------------

    async def draw(self, trace: Trace, audit: Audit) -> None:
        """Keep a drawn request with its trace; see `interfaces.Audits`."""
        row = Row.of(trace)

        def run(connection: apsw.Connection) -> None:
            record(connection, [row])
            _keep(connection, audit)

        await self._database.write(run)

    async def keep(self, audit: Audit, judgements: Sequence[Judgement] = ()) -> bool:
        """Keep how far it is, unless it is lost; see `interfaces.Audits`."""

        def run(connection: apsw.Connection) -> bool:
            if connection.execute(statements("audits")["state"], (audit.trace,)).get == "lost":
                return False
            _keep(connection, audit)
            _judge(connection, judgements)
            return True

        return await self._database.write(run)

    async def due(self, now: float, limit: int) -> list[Audit]:
        """Those to go on with; see `interfaces.Audits`."""
        sql = statements("audits")["due"]
        return await self._database.read(
            lambda connection: [_audit(row) for row in connection.execute(sql, (now, max(limit, 0)))]
        )

    # --- those that ran, and who judged them -----------------------------------------------------------------------

    async def done(
        self,
        *,
        route: str = "",
        source: str = "",
        after: float = 0.0,
        after_id: str = "",
        limit: int = 200,
        words: bool = False,
    ) -> list[Audit]:
        """Those that are done, oldest first; see `interfaces.Judgements`."""
        values = {"route": route, "after": after, "after_id": after_id, "limit": max(limit, 0), "words": words}
        return await self._database.read(lambda connection: _page(connection, "done", values, source))

    async def queue(
        self, *, route: str, sources: Sequence[str], after: float = -1.0, after_id: str = "", limit: int = 8
    ) -> list[Audit]:
        """Those with a draft that none of `sources` judged; see `interfaces.Judgements`."""
        values = {"route": route, "after": after, "after_id": after_id, "limit": max(limit, 0)}
        values["sources"] = _texts(sources)
        return await self._database.read(lambda connection: _page(connection, "queue", values, ""))

    async def undrafted(self, drafts: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
        """Those that cannot be judged; see `interfaces.Judgements`."""
        return await self._database.read(
            lambda connection: [draft for draft in drafts if not _is_draft(connection, *draft)]
        )

    async def judge(self, judgements: Sequence[Judgement]) -> None:
        """Keep them all, or none; see `interfaces.Judgements`."""
        await self._database.write(lambda connection: _judge(connection, judgements))

    async def served_right(self, *, route: str, source: str, since: float, until: float) -> list[tuple[float, float]]:
        """When each audited answer of `route` that `source` judged was asked for, and how right it was, in [0, 1].

        Of those asked from `since` to before `until`: a few microseconds each.
        """
        values = {"route": route, "source": source, "since": since, "until": until}
        sql = statements("audits")["served_right"]
        return await self._database.read(lambda connection: list(connection.execute(sql, values)))

    async def judged_drafts(
        self, *, route: str, tier: str, source: str, after: tuple[float, str] = (-1.0, ""), limit: int = 1_000
    ) -> list[JudgedDraft]:
        """What `tier` drafted of audited requests, with how right it was by `source`: oldest first, after `place`."""
        values = {"route": route, "tier": tier, "source": source, "limit": max(limit, 0)}
        values |= {"after": after[0], "after_id": after[1]}

        def run(connection: apsw.Connection) -> list[JudgedDraft]:
            rows = connection.execute(statements("audits")["judged_drafts"], values)
            return [JudgedDraft((at, trace), _features.decode(signals), worth) for at, trace, signals, worth in rows]

        return await self._database.read(run)

    async def count(self, *, route: str = "", sources: Sequence[str] = ()) -> AuditCount:
        """How far they are; see `interfaces.Judgements`."""
        values = {"route": route, "sources": _texts(sources)}

        def run(connection: apsw.Connection) -> AuditCount:
            sql = statements("audits")
            drawn, done, lost, cost, drafted = connection.execute(sql["count"], values).get
            unjudged, forgotten = connection.execute(sql["count_unjudged"], values).get
            newest = connection.execute(sql["newest"], values).get
            return AuditCount(
                drawn=drawn,
                done=done,
                lost=lost,
                judged=drafted - unjudged,
                unjudged=unjudged,
                forgotten=forgotten,
                cost=cost,
                fingerprint=newest or "",
            )

        return await self._database.read(run)

    async def took(self, since: float) -> list[AuditsTook]:
        """What they asked of tiers themselves, of requests from `since` on, by route: what budgets count."""
        sql = statements("audits")["took"]

        def run(connection: apsw.Connection) -> list[AuditsTook]:
            return [
                AuditsTook(route=route, cost=cost, carbon=carbon, uncosted=uncosted, unweighed=unweighed)
                for route, cost, carbon, uncosted, unweighed in connection.execute(sql, (since,))
            ]

        return await self._database.read(run)

    # --- those that a guarantee is watched by ----------------------------------------------------------------------

    async def unwatched(self, route: str, source: str, limit: int) -> list[Audit]:
        """Those judged and not counted yet; see `interfaces.Watched`."""
        values = {"route": route, "source": source, "limit": max(limit, 0)}
        return await self._database.read(lambda connection: _page(connection, "unwatched", values, source))

    async def watch_state(self, route: str, policy: str) -> bytes | None:
        """What was made of those counted; see `interfaces.Watched`."""
        sql = statements("audits")["watch_state"]
        found: bytes | None = await self._database.read(lambda connection: connection.execute(sql, (route, policy)).get)
        return found

    async def count_watched(self, route: str, policy: str, state: bytes, traces: Sequence[str]) -> None:
        """Count some, in one commit with the state; see `interfaces.Watched`."""
        sql = statements("audits")

        def run(connection: apsw.Connection) -> None:
            connection.execute(sql["keep_watch"], (route, policy, state))
            connection.execute(sql["watched"], (_texts(traces),))

        await self._database.write(run)


def _keep(connection: apsw.Connection, audit: Audit) -> None:
    sql, words = statements("audits"), audit.words
    cost = sum(tier.cost.value or 0.0 for tier in audit.tiers if not tier.reused)
    figures = msgspec.json.encode(unworded(audit))
    connection.execute(
        sql["keep"],
        (
            audit.trace,
            audit.route,
            audit.created,
            audit.label.value,
            audit.language,
            audit.state,
            audit.due,
            audit.place,
            cost,
            figures,
        ),
    )
    for tier in audit.drafted:
        connection.execute(sql["drafted"], (audit.trace, tier))
    if words is None:
        connection.execute(sql["forget_content"], (audit.trace,))
    else:
        values = (audit.trace, words.label.value, words.expires, msgspec.json.encode(words))
        connection.execute(sql["keep_content"], values)


def _is_draft(connection: apsw.Connection, trace: str, tier: str) -> bool:
    return connection.execute(statements("audits")["is_draft"], (trace, tier)).fetchone() is not None


def _judge(connection: apsw.Connection, judgements: Sequence[Judgement]) -> None:
    sql = statements("audits")
    for j in judgements:
        if not _is_draft(connection, j.trace, j.tier):
            raise NotFound(
                f"no audit has a draft of tier `{j.tier}` on `{j.trace}`", hint="palier label --export lists them"
            )
        connection.execute(sql["judge"], (j.trace, j.tier, j.source, j.correct, j.score, j.who, j.created))


def _page(connection: apsw.Connection, name: str, values: dict[str, Any], source: str) -> list[Audit]:
    """Audits of the statement `name`, with what `source` (all where it is empty) said of them."""
    found = [_audit(row) for row in connection.execute(statements("audits")[name], values)]
    asked = {"traces": _texts([audit.trace for audit in found]), "source": source}
    said: dict[str, list[Judgement]] = {}
    for trace, tier, by, correct, score, who, created in connection.execute(statements("audits")["judgements"], asked):
        judgement = Judgement(
            trace=trace,
            tier=tier,
            source=by,
            correct=None if correct is None else bool(correct),
            score=score,
            who=who,
            created=created,
        )
        said.setdefault(trace, []).append(judgement)
    return [msgspec.structs.replace(audit, judgements=tuple(said.get(audit.trace, ()))) for audit in found]


def _audit(row: tuple[Any, ...]) -> Audit:
    figures, words = row
    audit = msgspec.json.decode(figures, type=Audit)
    return audit if words is None else msgspec.structs.replace(audit, words=msgspec.json.decode(words, type=AuditWords))


def _texts(texts: Sequence[str]) -> str:
    return msgspec.json.encode(list(texts)).decode()
