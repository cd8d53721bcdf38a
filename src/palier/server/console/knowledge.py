"""Knowledge: collections, their documents and what is wrong with them; search with its scores; files that are sent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote

from palier.errors import InvalidRequest, NotFound
from palier.ingest import Options, Outcome, kept_name
from palier.retrieval.indexing import Told
from palier.retrieval.parsing import KINDS
from palier.server.console.sessions import Reading
from palier.server.console.visits import Visit, see_other
from palier.server.palier_api import check_collection
from palier.server.replies import Reply
from palier.stores.browsing import FAULTS, Wanted
from palier.types import Label

PAGE = 50
HITS = 20
MAX_QUERY = 4_000
"""Characters, as search over the API."""
SHOWN = 20_000
"""Characters of a document that are shown."""
TOLD = 200
"""Documents of one upload that are told one by one."""
MAX_TICKET = 64
"""Characters of what a page calls a file that it sends, to ask how far it is."""


async def show(visit: Visit, done: str = "") -> Reply:
    """`GET /console/knowledge`."""
    palier = visit.palier
    collections = await palier.list_collections(visit.principal)
    readers = {one.collection: one for one in await palier.readers()} if visit.covers("operator") else {}
    failing = await palier.failing_sources(visit.principal) if visit.covers("operator") else []
    targets = _targets(visit, [one["name"] for one in collections])
    return visit.page(
        "knowledge.html",
        collections=collections,
        faults={one.collection: one for one in await palier.census(visit.principal)},
        readers=readers,
        failing=failing,
        targets=targets,
        target=next((name for name in _of_routes(visit) if name in targets), targets[0] if targets else ""),
        kinds=",".join(KINDS),
        done=done,
    )


async def open_collection(visit: Visit) -> Reply:
    """`GET /console/knowledge/collections/{collection}?q=WORDS&label=L&fault=F&after=ID`."""
    collection, query = check_collection(visit.places["collection"]), visit.query
    wanted = Wanted(
        words=query.get("q", "").strip()[:200],
        label=_one_of("label", query.get("label", ""), tuple(Label)),
        fault=_one_of("fault", query.get("fault", ""), FAULTS),
        after=query.get("after", ""),
        limit=PAGE + 1,
    )
    known = {one["name"]: one for one in await visit.palier.list_collections(visit.principal)}
    if collection not in known:
        raise NotFound(f"there is no collection `{collection}`")
    found = await visit.palier.browse(collection, wanted, visit.principal)
    return visit.page(
        "collection.html",
        collection=known[collection],
        documents=found[:PAGE],
        after=found[PAGE - 1].document.id if len(found) > PAGE else "",
        asked=wanted,
        labels=tuple(Label),
        faults=FAULTS,
    )


async def open_document(visit: Visit) -> Reply:
    """`GET /console/knowledge/document?collection=C&id=ID`; without an id, the way to the lists."""
    if "id" not in visit.query:
        return see_other("/console/knowledge")
    collection, name = visit.query.get("collection", ""), visit.query.get("id", "")
    document = await visit.palier.get_document(collection, name, visit.principal)
    if document is None:
        raise _no_document(collection, name)
    return visit.page("document.html", document=document, text=document.text[:SHOWN], length=len(document.text))


async def search(visit: Visit) -> Reply:
    """`GET /console/knowledge/search?q=WORDS&collection=C`: as `palier search`, for whoever asks."""
    query, collection = visit.query.get("q", "").strip(), visit.query.get("collection", "")
    if len(query) > MAX_QUERY:
        raise InvalidRequest(f"a search has {MAX_QUERY:,} characters at most", param="q")
    collections = [one["name"] for one in await visit.palier.list_collections(visit.principal)]
    if collection and collection not in collections:
        raise NotFound(f"there is no collection `{collection[:80]}`", param="collection")
    hits = await visit.palier.search(query, [collection] if collection else [], HITS, visit.principal)
    return visit.page("search.html", hits=hits, query=query, collection=collection, collections=collections)


async def upload(visit: Visit) -> Reply:
    """`POST /console/knowledge/upload`: `files` into `collection`; `label` is the least that each has."""
    form = visit.form
    collection = check_collection(form.get("collection", "").strip())
    label = _one_of("label", form.get("label", ""), tuple(Label))
    readers = tuple(name.strip() for name in form.get("readers", "").split(",") if name.strip())
    names = [sent.name for sent in visit.files]
    visit.about = f"{collection}/{names[0]}" if len(names) == 1 else collection
    if not names:
        raise InvalidRequest("no file was chosen", param="files")
    outcomes: list[Outcome] = []
    options = Options(collection=collection, label=Label(label) if label else None, groups=readers)
    with _followed(visit, form.get("ticket", "")) as step:
        summary = await visit.palier.upload(visit.files, options, visit.principal, outcomes.append, step)
    kept = summary.added + summary.changed + summary.unchanged
    if not kept:
        visit.outcome = InvalidRequest.code
    told: dict[str, Any] = {"summary": summary, "outcomes": outcomes[:TOLD], "collection": collection}
    told["renamed"] = {kept_name(name): name for name in names if kept_name(name) != name}
    return visit.page("uploaded.html", status=200 if kept else InvalidRequest.status, **told)


@contextmanager
def _followed(visit: Visit, ticket: str) -> Iterator[Told | None]:
    """Whom to tell how far it is, for `reading` to show meanwhile; nobody where no ticket came along."""
    if not 0 < len(ticket) <= MAX_TICKET or ticket in visit.session.reading:
        yield None
        return
    reading = visit.session.reading[ticket] = Reading()
    try:
        yield reading.told
    finally:
        del visit.session.reading[ticket]


async def reading(visit: Visit) -> Reply:
    """`GET /console/knowledge/reading?ticket=T`: how far a file is that this session sent; 0 of what is not known."""
    return visit.page("reading.html", reading=visit.session.reading.get(visit.query.get("ticket", ""), Reading()))


async def dismiss(visit: Visit) -> Reply:
    """`POST /console/knowledge/dismiss`: the failing `source` (quoted, as in an address) of `collection`, no more."""
    collection, source = visit.form.get("collection", ""), unquote(visit.form.get("source", ""))
    visit.about = f"{collection}/{source}"
    known = [(one.collection, one.source) for one in await visit.palier.failing_sources(visit.principal)]
    if (collection, source) not in known:
        raise NotFound(f"`{source[:200]}` of `{collection[:80]}` is no source that fails", param="source")
    await visit.palier.note_failing(collection, [source], [])
    return await show(visit, visit.words("knowledge.dismissed", name=source))


async def delete(visit: Visit) -> Reply:
    """`POST /console/knowledge/delete`: the document `id` (quoted, as in an address) of `collection`, for good."""
    collection, name = visit.form.get("collection", ""), unquote(visit.form.get("id", ""))
    visit.about = f"{collection}/{name}"
    if not await visit.palier.delete_documents(collection, [name], visit.principal):
        raise _no_document(collection, name)
    return await show(visit, visit.words("knowledge.deleted", name=name))


def _targets(visit: Visit, names: list[str]) -> list[str]:
    """Where files may go: collections that may be read, and to administrators, who make new ones, those of routes."""
    return sorted({*names, *(_of_routes(visit) if visit.principal.admin else ())})


def _of_routes(visit: Visit) -> list[str]:
    """The collections that the routes of whoever is here look in."""
    routes = visit.palier.settings.routes
    return [collection for name in visit.routes for collection in routes[name].collections]


def _one_of(name: str, given: str, known: tuple[str, ...]) -> str:
    if given and given not in known:
        raise InvalidRequest(f"`{name}` is one of {', '.join(known)}", param=name)
    return given


def _no_document(collection: str, name: str) -> NotFound:
    return NotFound(f"collection `{collection[:80]}` has no document `{name[:200]}`", param="id")
