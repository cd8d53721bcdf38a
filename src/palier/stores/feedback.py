"""Feedback, in the file of the traces, in a table that nothing joins with judgements."""

from __future__ import annotations

import math

import apsw

from palier.audits import Feedback, FeedbackCount
from palier.stores.schema import statements
from palier.stores.sqlite import Database
from palier.types import Label


class SqliteFeedback:
    """`interfaces.Ratings`, on the database of `SqliteTraces`, which opens and closes it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def rate(self, feedback: Feedback, label: Label, expires: float | None) -> None:
        """Keep it; see `interfaces.Ratings`."""
        sql, f = statements("audits"), feedback

        def run(connection: apsw.Connection) -> None:
            connection.execute(sql["rate"], (f.trace, f.principal, f.rating, f.score, f.created))
            if (f.comment or f.correction) and expires is not None:
                row = (f.trace, f.principal, label.value, expires, f.comment, f.correction)
                connection.execute(sql["comment"], row)
            else:
                connection.execute(sql["forget_comment"], (f.trace, f.principal))

        await self._database.write(run)

    async def ratings(self, trace: str) -> list[Feedback]:
        """What was said of one answer; see `interfaces.Ratings`."""
        rows = await self._database.read(
            lambda connection: list(connection.execute(statements("audits")["ratings"], (trace,)))
        )
        names = ("trace", "principal", "rating", "score", "comment", "correction", "created")
        return [Feedback(**dict(zip(names, row, strict=True))) for row in rows]

    async def count(self, route: str = "", *, since: float = 0.0, until: float = math.inf) -> FeedbackCount:
        """How many there are; see `interfaces.Ratings`."""
        sql, asked = statements("audits")["count_ratings"], {"route": route, "since": since, "until": until}
        up, down, scored, score = await self._database.read(lambda connection: connection.execute(sql, asked).get)
        return FeedbackCount(up=up, down=down, scored=scored, score=score)
