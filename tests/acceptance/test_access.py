"""Who may ask and who may read, as applications and people meet it: keys, users, groups, budgets, over HTTP."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from tests.serving import Served, served

from palier.access import AccessKey, Role
from palier.errors import InvalidRequest
from palier.spending import amount
from palier.types import Document, Label

RULES = [{"match": "slowly", "answer": "at noon [1]", "first_s": 0.6}, {"answer": "It rings at noon [1]."}]
TREE: dict[str, Any] = {
    "models": {"fake": {"kind": "fake", "file": "script.jsonl", "price": {"input": 10_000.0, "output": 10_000.0}}},
    "routes": {
        name: {"collections": ["notes", "hr"], "tiers": [{"model": "fake", "highest_label": "restricted"}]}
        for name in ("support", "inside")
    }
    | {"outside": {"tiers": [{"model": "fake", "highest_label": "internal"}]}},
}
DOCUMENTS = [
    Document(id="bell", collection="notes", text="The bell of the chapel rings at noon.", label=Label.PUBLIC),
    Document(id="board", collection="notes", text="The bell is to be sold, the board says.", groups=("board",)),
    Document(id="anns", collection="notes", text="Ann may ring the bell herself.", groups=("user:ann",)),
    Document(id="pay", collection="hr", text="Whoever rings the bell is paid 9 euros."),
]


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("access")
    (folder / "script.jsonl").write_text("".join(json.dumps(rule) + "\n" for rule in RULES))
    with served(TREE, folder) as running:
        running.run(running.palier.put_documents(DOCUMENTS))
        running.run(running.palier.change_readers("hr", allow=["hr"]))
        yield running


_count = iter(range(1000))


def key(gateway: Served, **terms: Any) -> tuple[str, httpx2.Client]:
    """A new key's name, and a client that shows it."""
    name = terms.pop("name", f"key-{next(_count)}")
    made = gateway.run(gateway.palier.access.keys.create(AccessKey(name=name, **terms)))
    client = httpx2.Client(base_url=gateway.url, headers={"Authorization": f"Bearer {made.secret}"}, timeout=30)
    return name, client


def ask(client: httpx2.Client, text: str = "When does the bell ring?", **fields: Any) -> httpx2.Response:
    body = {"model": "support", "messages": [{"role": "user", "content": text}], **fields}
    headers = body.pop("headers", {})
    return client.post("/v1/chat/completions", json=body, headers=headers)


def evidence(reply: httpx2.Response) -> set[str]:
    assert reply.status_code == 200, reply.text
    return {source["document"] for source in reply.json()["palier"]["sources"]}


def error(reply: httpx2.Response, status: int) -> dict[str, Any]:
    assert reply.status_code == status, reply.text
    found: dict[str, Any] = reply.json()["error"]
    return found


def test_each_key_is_answered_from_what_it_reads(gateway: Served) -> None:
    for terms, documents in (
        ({}, {"notes/bell"}),
        ({"groups": ("board",)}, {"notes/bell", "notes/board"}),
        ({"groups": ("hr",)}, {"notes/bell", "hr/pay"}),
        ({"role": Role.ADMIN}, {"notes/bell", "notes/board", "notes/anns", "hr/pay"}),
    ):
        _, client = key(gateway, **terms)
        assert evidence(ask(client)) == documents
        hits = client.post("/v1/palier/search", json={"query": "bell"}).json()["data"]
        assert {f"{hit['collection']}/{hit['document']}" for hit in hits} == documents
        counted = {row["name"]: row["documents"] for row in client.get("/v1/palier/collections").json()["data"]}
        listed = {
            f"{collection}/{each['id']}"
            for collection in ("notes", "hr")
            for each in client.get(f"/v1/palier/collections/{collection}/documents").json()["data"]
        }
        assert listed == documents
        assert sum(counted.values()) == len(documents)
    with httpx2.Client(base_url=gateway.url, headers=gateway.headers) as owner:
        assert len(evidence(ask(owner))) == 4


def test_what_one_may_not_read_says_what_is_not_there_says(gateway: Served) -> None:
    _, client = key(gateway)
    paths = {
        "hidden": "/v1/palier/collections/notes/documents/board",
        "absent": "/v1/palier/collections/notes/documents/nought",
        "closed": "/v1/palier/collections/hr/documents/pay",
        "nowhere": "/v1/palier/collections/xx/documents/pay",
    }
    said = {name: error(client.get(path), 404)["message"] for name, path in paths.items()}
    assert said["hidden"].replace("board", "it") == said["absent"].replace("nought", "it")
    assert said["closed"].replace("hr", "it") == said["nowhere"].replace("xx", "it")
    lists = [client.get(f"/v1/palier/collections/{name}/documents") for name in ("hr", "xx")]
    assert lists[0].content == lists[1].content


def test_roles_open_routes(gateway: Served) -> None:
    document = "/v1/palier/collections/notes/documents/new"
    put = {"json": {"text": "A new bell.", "label": "public"}}
    for role in Role:
        _, client = key(gateway, role=role)
        may_write = role.covers(Role.OPERATOR)
        for reply in (client.put(document, **put), client.delete(document), client.get("/metrics")):
            if may_write:
                assert reply.status_code == 200, reply.text
            else:
                assert "`operator`" in error(reply, 403)["message"]
        assert ("models" in client.get("/readyz").json()) == may_write


@pytest.mark.parametrize("reader", ["@board", "user:", " board", "board\n", "@"])
def test_a_document_has_readers_that_can_be(gateway: Served, reader: str) -> None:
    """A mistaken `@board` would be nobody's, in silence."""
    _, client = key(gateway, role=Role.ADMIN)
    path = "/v1/palier/collections/notes/documents/mistaken"
    said = error(client.put(path, json={"text": "A bell.", "groups": ["board", reader]}), 400)
    assert said["param"] == "groups"
    error(client.get(path), 404)
    assert client.put(path, json={"text": "A bell.", "groups": ["board", "user:ann"]}).status_code == 200
    assert client.delete(path).status_code == 200


def test_an_operator_writes_only_where_it_reads(gateway: Served) -> None:
    _, client = key(gateway, role=Role.OPERATOR)
    put = {"json": {"text": "Mine now.", "label": "public"}}
    base = "/v1/palier/collections"
    said = [
        error(client.put(f"{base}/{name}/documents/pay", **put), 404)["message"].replace(f"`{name}`", "it")
        for name in ("hr", "xx")
    ]
    assert said[0] == said[1]
    error(client.put(f"{base}/notes/documents/board", **put), 403)
    error(client.delete(f"{base}/notes/documents/board"), 404)
    error(client.put(f"{base}/notes/documents/z", json={"text": "x", "groups": ["board"]}), 403)
    _, admin = key(gateway, role=Role.ADMIN)
    assert "sold" in admin.get(f"{base}/notes/documents/board").json()["text"]


def test_a_change_of_group_acts_on_the_next_question(gateway: Served) -> None:
    name, client = key(gateway)
    directory = gateway.palier.access.directory
    assert evidence(ask(client)) == {"notes/bell"}
    gateway.run(directory.add("staff", [name]))
    gateway.run(directory.add("hr", ["@staff"]))
    assert evidence(ask(client)) == {"notes/bell", "hr/pay"}
    gateway.run(directory.remove("hr", ["@staff"]))
    assert evidence(ask(client)) == {"notes/bell"}


def test_users_by_the_field_of_a_key_that_says_so(gateway: Served) -> None:
    name, client = key(gateway, speaks_for="field", groups=("board",))
    assert evidence(ask(client)) == {"notes/bell", "notes/board"}
    assert evidence(ask(client, user="ann")) == {"notes/bell", "notes/anns"}
    assert evidence(ask(client, user="paul")) == {"notes/bell"}
    hits = client.post("/v1/palier/search", json={"query": "bell", "user": "ann"}).json()["data"]
    assert {hit["document"] for hit in hits} == {"bell", "anns"}
    error(ask(client, user=name), 403)
    error(ask(client, user="local"), 403)
    error(ask(client, headers={"X-Palier-User": "ann"}), 403)
    _, plain = key(gateway)
    assert evidence(ask(plain, user="ann")) == {"notes/bell"}


def test_a_key_takes_no_name_that_has_asked_before(gateway: Served) -> None:
    """Or it would read what a user, or a key of that name before it, had asked."""
    _, portal = key(gateway, speaks_for="field")
    theirs = ask(portal, user="jeanne").json()["id"]
    keys = gateway.palier.access.keys
    with pytest.raises(InvalidRequest, match="has asked before"):
        gateway.run(keys.create(AccessKey(name="jeanne")))
    assert ask(portal, user="jeanne").status_code == 200, "it is still the user's"
    name, first = key(gateway)
    mine = ask(first).json()["id"]
    gateway.run(keys.revoke(name))
    with pytest.raises(InvalidRequest, match="--inherit"):
        gateway.run(keys.create(AccessKey(name=name)))
    heir = gateway.run(keys.create(AccessKey(name=name), inherits=True)).secret
    headers = {"Authorization": f"Bearer {heir}"}
    assert httpx2.get(f"{gateway.url}/v1/palier/traces/{mine}", headers=headers).status_code == 200
    assert httpx2.get(f"{gateway.url}/v1/palier/traces/{theirs}", headers=headers).status_code == 404


def test_nobody_is_called_forgotten(gateway: Served) -> None:
    _, portal = key(gateway, speaks_for="field")
    error(ask(portal, user="forgotten"), 403)
    with pytest.raises(InvalidRequest, match="forgotten"):
        gateway.run(gateway.palier.access.keys.create(AccessKey(name="forgotten")))


def test_users_by_a_signed_header(gateway: Served) -> None:
    _, client = key(gateway, speaks_for="header")
    secret = client.headers["Authorization"].removeprefix("Bearer ")

    def signed(user: str, at: float | None = None) -> dict[str, str]:
        t = str(int(time.time() if at is None else at))
        extracted = hmac.digest(bytes(32), secret.encode(), hashlib.sha256)
        signing = hmac.digest(extracted, b"palier user signature v1\x01", hashlib.sha256)
        v1 = hmac.new(signing, f"{t}.{user}".encode(), hashlib.sha256).hexdigest()
        return {"X-Palier-User": user, "X-Palier-Signature": f"t={t},v1={v1}"}

    assert evidence(ask(client, headers=signed("ann"))) == {"notes/bell", "notes/anns"}
    read = client.get("/v1/palier/collections/notes/documents/anns", headers=signed("ann"))
    assert read.status_code == 200
    error(ask(client, headers={**signed("ann"), "X-Palier-User": "paul"}), 401)
    error(ask(client, headers=signed("ann", time.time() - 400)), 401)
    error(ask(client, headers={"X-Palier-User": "ann"}), 401)


def test_routes_of_a_key_are_all_there_is(gateway: Served) -> None:
    _, client = key(gateway, routes=("support",))
    names = {model["id"] for model in client.get("/v1/models").json()["data"]}
    assert {"support", "support/tier-1"} < names
    assert not any(name.startswith("inside") for name in names)
    assert ask(client).status_code == 200
    refused = [error(ask(client, model=model), 404) for model in ("inside", "insidf")]
    assert refused[0]["code"] == "model_not_found"
    assert refused[0]["message"].replace("inside", "x") == refused[1]["message"].replace("insidf", "x")
    error(client.get("/v1/models/inside"), 404)


def test_a_rate_and_a_budget_end_in_429(gateway: Served) -> None:
    _, client = key(gateway, rate=2)
    assert [client.get("/v1/models").status_code for _ in range(3)] == [200, 200, 429]
    late = client.get("/v1/models")
    assert error(late, 429)["code"] == "rate_limit_exceeded"
    assert int(late.headers["retry-after"]) <= 30

    name, client = key(gateway, budget=0.05, per="day")
    asked = 0
    while (reply := ask(client)).status_code == 200:
        asked += 1
        assert asked < 50
    said = error(reply, 429)
    assert said["code"] == "budget_exceeded"
    assert time.strftime("%Y-") in said["message"]
    assert int(reply.headers["retry-after"]) <= 86_400
    assert gateway.palier.access.purse.spending(name).cost_today >= 0.05
    assert client.get("/v1/models").status_code == 200, "what costs nothing is answered"


def test_over_the_soft_limit_of_a_key_each_answer_says_so(gateway: Served) -> None:
    name, client = key(gateway, soft=0.05, budget=500.0, per="day")
    said = []
    while not said or said[-1] is None:
        said.append(ask(client).json()["palier"].get("budget"))
        assert len(said) < 50
    spent = gateway.palier.access.purse.spending(name).cost_today
    assert spent >= 0.05
    assert said[-1] == f"{amount('cost', spent)} this day, over the soft limit of $0.05 of the key `{name}`"
    streamed = ask(client, stream=True).text
    assert f"over the soft limit of $0.05 of the key `{name}`" in streamed
    _, other = key(gateway, soft=400.0)
    assert "budget" not in ask(other).json()["palier"]


def test_each_of_several_prompts_is_a_request_to_rates_and_budgets(gateway: Served) -> None:
    def complete(client: httpx2.Client, prompts: int) -> httpx2.Response:
        return client.post(
            "/v1/completions", json={"model": "support", "prompt": [f"bell {n}" for n in range(prompts)]}
        )

    def asked() -> int:
        return sum(trace.principal == name for trace in gateway.run(gateway.palier.traces.list(limit=60)))

    name, client = key(gateway, rate=3)
    assert "send fewer" in error(complete(client, 32), 429)["message"]
    assert asked() == 0, "none of them was asked"
    name, client = key(gateway, rate=40)
    assert complete(client, 32).status_code == 200
    assert error(complete(client, 9), 429)["code"] == "rate_limit_exceeded"
    name, client = key(gateway, tokens=1)
    assert error(complete(client, 32), 429)["code"] == "budget_exceeded"
    assert asked() == 1, "the one that crosses the limit is answered, those after it are not asked"


def test_what_is_spent_is_what_is_recorded_whoever_the_key_speaks_for(gateway: Served) -> None:
    name, client = key(gateway, speaks_for="field")
    for user in ("ann", "paul", None):
        fields = {"user": user} if user else {}
        assert ask(client, stream=user == "ann", **fields).status_code == 200
    traces = gateway.run(gateway.palier.traces.list(limit=3))
    assert {trace.principal for trace in traces} == {"ann", "paul", name}
    spent = gateway.palier.access.purse.spending(name)
    assert spent.cost_today == pytest.approx(sum(trace.cost.value or 0.0 for trace in traces))
    assert spent.tokens_today == sum(trace.usage.prompt + trace.usage.completion for trace in traces if trace.usage)
    assert spent.tokens_today > 0


def test_expired_and_revoked_keys(gateway: Served) -> None:
    name, client = key(gateway, expires=time.time() + 1.0)
    assert client.get("/v1/models").status_code == 200
    time.sleep(1.1)
    assert "expired" in error(client.get("/v1/models"), 401)["message"]
    name, client = key(gateway)
    assert client.get("/v1/models").status_code == 200
    gateway.run(gateway.palier.access.keys.revoke(name))
    reply = client.get("/v1/models")
    assert "revoked" in error(reply, 401)["message"]
    assert reply.headers["www-authenticate"] == "Bearer"


def test_traces_and_feedback_are_ones_own_or_a_reviewers(gateway: Served) -> None:
    _, asker = key(gateway, groups=("board",))
    _, other = key(gateway, groups=("board",))
    _, reviewer = key(gateway, role=Role.REVIEWER, groups=("board",))
    _, outsider = key(gateway, role=Role.REVIEWER)
    answer = ask(asker).json()["id"]
    mine = asker.get(f"/v1/palier/traces/{answer}").json()
    assert mine["content"]["answer"] == "It rings at noon [1]."
    assert {each.partition("#")[0] for each in mine["evidence"]} == {"notes/bell", "notes/board"}
    for client, status in ((other, 404), (reviewer, 200), (outsider, 404)):
        assert client.get(f"/v1/palier/traces/{answer}").status_code == status
        listed = [each["id"] for each in client.get("/v1/palier/traces?limit=200").json()["data"]]
        assert (answer in listed) == (status == 200)
        said = client.post("/v1/palier/feedback", json={"id": answer, "rating": "up"})
        assert said.status_code == status
    assert answer in [each["id"] for each in asker.get("/v1/palier/traces").json()["data"]]
    assert other.get("/v1/palier/traces").json()["data"] == []


@pytest.fixture
def safe(gateway: Served) -> Iterator[str]:
    """The number of a safe, in a document that the board alone reads."""
    text = "The safe of the chapel opens with 40718265."
    document = Document(id="safe", collection="notes", text=text, label=Label.RESTRICTED, groups=("board",))
    gateway.run(gateway.palier.put_documents([document]))
    yield "40718265"
    gateway.run(gateway.palier.delete_documents("notes", ["safe"]))


@pytest.mark.usefixtures("safe")
def test_a_guess_is_not_told_what_it_met(gateway: Served) -> None:
    """Whoever may not read a document learns that its words may not go, and not how confidential they are."""
    _, guest = key(gateway)
    _, admin = key(gateway, role=Role.ADMIN)
    for stream in (False, True):
        reply = ask(guest, "is it 40718265?", model="outside", stream=stream)
        assert "may not go to this tier" in reply.text
        assert "restricted" not in reply.text
    answer = ask(guest, "is it 40718265?", model="outside").json()
    assert answer["palier"]["label"] == "internal"
    assert "restricted" not in guest.get(f"/v1/palier/traces/{answer['id']}").text
    assert "restricted" not in guest.get("/v1/palier/traces").text
    assert admin.get(f"/v1/palier/traces/{answer['id']}").json()["label"] == "restricted"
    assert ask(admin, "is it 40718265?", model="outside").json()["palier"]["label"] == "restricted"
    many = guest.post("/v1/completions", json={"model": "outside", "prompt": ["a", "40718265", "40718265"]}).text
    assert "restricted" not in many


@pytest.mark.usefixtures("safe")
def test_a_reviewer_reads_no_words_that_somebody_pasted_from_what_it_may_not_read(gateway: Served) -> None:
    _, asker = key(gateway, groups=("board",))
    _, reviewer = key(gateway, role=Role.REVIEWER)
    answer = ask(asker, "Summarise: the safe of the chapel opens with 40718265.", model="outside").json()["id"]
    assert "40718265" in asker.get(f"/v1/palier/traces/{answer}").text, "one's own words"
    read = reviewer.get(f"/v1/palier/traces/{answer}")
    assert read.json()["content"] is None
    assert "restricted" not in read.text


def test_words_are_kept_back_once_their_evidence_may_not_be_read(gateway: Served) -> None:
    name, client = key(gateway)
    directory = gateway.palier.access.directory
    gateway.run(directory.add("board", [name]))
    answer = ask(client).json()["id"]
    assert client.get(f"/v1/palier/traces/{answer}").json()["content"]
    gateway.run(directory.remove("board", [name]))
    held = client.get(f"/v1/palier/traces/{answer}").json()
    assert held["content"] is None
    assert [each.partition("#")[0] for each in held["evidence"]] == ["notes/bell"]


def test_a_request_that_has_not_retrieved_yet_meets_the_new_groups(gateway: Served) -> None:
    """One that waits for its place, while who asks leaves a group."""
    name, client = key(gateway)
    palier = gateway.palier
    gateway.run(palier.access.directory.add("board", [name]))
    retriever = next(iter(palier._parts.values())).retriever
    plain, held = retriever.search, asyncio.Event()

    async def waiting(*arguments: Any, **options: Any) -> Any:
        await palier.access.directory.remove("board", [name])
        held.set()
        return await plain(*arguments, **options)

    retriever.search = waiting  # type: ignore[method-assign]
    try:
        assert evidence(ask(client)) == {"notes/bell"}
    finally:
        retriever.search = plain  # type: ignore[method-assign]
    assert held.is_set()
