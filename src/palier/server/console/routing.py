"""Every address of the console, and the role that it takes. What is not here is not there."""

from __future__ import annotations

from starlette.routing import Route

from palier.access import Role
from palier.errors import NotFound
from palier.server.console import (
    actions,
    ask,
    benchmarks,
    entrance,
    guarantee,
    judge,
    knowledge,
    ledger,
    lessons,
    models,
    overview,
    traces,
)
from palier.server.console.serving import Anybody, Console, Handler, Page, route
from palier.server.console.visits import Visit
from palier.server.endpoint import Gateway
from palier.server.replies import Reply


def routes(gateway: Gateway) -> list[Route]:
    """The console of a gateway. Raises `ConfigurationError` where its proxy's secret is not set."""
    console = Console(gateway)
    door = entrance.Entrance(console.guests)

    def shows(handler: Handler, role: Role) -> Page:
        return Page(console, handler, role)

    def does(what: str, handler: Handler, role: Role, *, asks: bool = False, files: bool = False) -> Page:
        return Page(console, handler, role, does=what, asks=asks, files=files)

    viewer, reviewer, operator, admin = Role
    return [
        route("/console", GET=shows(entrance.home, viewer)),
        route("/console/", GET=shows(entrance.home, viewer)),
        route("/console/sign-in", GET=Anybody(console, door.show), POST=Anybody(console, door.sign_in, reads=True)),
        route("/console/sign-out", POST=does("sign-out", console.sign_out, viewer)),
        route("/console/language/{language}", GET=Anybody(console, door.language)),
        route("/console/static/{name}", GET=Anybody(console, door.file)),
        route("/console/ask", GET=shows(ask.show, viewer), POST=does("ask", ask.ask, viewer, asks=True)),
        route("/console/answers/{id}/rating", POST=does("rate", ask.rate, viewer)),
        route("/console/knowledge", GET=shows(knowledge.show, viewer)),
        route("/console/knowledge/collections/{collection}", GET=shows(knowledge.open_collection, viewer)),
        route("/console/knowledge/document", GET=shows(knowledge.open_document, viewer)),
        route("/console/knowledge/search", GET=shows(knowledge.search, viewer)),
        route("/console/knowledge/upload", POST=does("document.upload", knowledge.upload, operator, files=True)),
        route("/console/knowledge/reading", GET=shows(knowledge.reading, operator)),
        route("/console/knowledge/delete", POST=does("document.delete", knowledge.delete, operator)),
        route("/console/knowledge/dismiss", POST=does("source.dismiss", knowledge.dismiss, operator)),
        route("/console/traces", GET=shows(traces.show, viewer)),
        route("/console/traces/{id}", GET=shows(traces.open_one, viewer)),
        route("/console/ledger", GET=shows(ledger.show, operator)),
        route("/console/ledger/{sequence}", GET=shows(ledger.open_one, operator)),
        route("/console/lessons", GET=shows(lessons.show, reviewer)),
        route("/console/lessons/harvest", POST=does("lessons.harvest", lessons.harvest, operator)),
        route("/console/lessons/{id}/accept", POST=does("lesson.accept", lessons.accept, reviewer)),
        route("/console/lessons/{id}/reject", POST=does("lesson.reject", lessons.reject, reviewer)),
        route("/console/lessons/{id}/edit", POST=does("lesson.edit", lessons.edit, reviewer)),
        route("/console/judge", GET=shows(judge.show, reviewer), POST=does("judge", judge.judge, reviewer)),
        route("/console/guarantee", GET=shows(guarantee.show, viewer)),
        route("/console/benchmarks", GET=shows(benchmarks.show, viewer)),
        route("/console/benchmarks/compare", GET=shows(benchmarks.compare, viewer)),
        route("/console/benchmarks/reports/{name}", GET=shows(benchmarks.open_report, viewer)),
        route("/console/models", GET=shows(models.show, viewer)),
        route("/console/models/versions/{id}", GET=shows(models.open_version, viewer)),
        route("/console/models/versions/{id}/promote", POST=does("version.promote", models.promote, operator)),
        route("/console/models/rollback", POST=does("version.rollback", models.roll_back, operator)),
        route("/console/overview", GET=shows(overview.show, operator)),
        route("/console/actions", GET=shows(actions.show, admin)),
        route("/console/{rest:path}", GET=shows(_nothing, viewer)),
    ]


async def _nothing(visit: Visit) -> Reply:
    raise NotFound(f"there is no page `{visit.path[:100]}`")
