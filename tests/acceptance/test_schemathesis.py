"""Whatever our own OpenAPI document allows, and much that it does not, is answered without a 5xx."""

from __future__ import annotations

import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from starlette.routing import Route, Router
from tests.serving import Served

from palier.server.endpoint import Resource
from palier.server.http import create_app
from palier.server.openapi import document

schema = schemathesis.openapi.from_dict(document())


def test_what_is_documented_is_what_is_routed(gateway: Served) -> None:
    router = create_app(gateway.palier).app
    assert isinstance(router, Router)
    routed = {
        (method.lower(), route.path.replace(":path}", "}"))
        for route in router.routes
        if isinstance(route, Route) and isinstance(route.app, Resource)
        if not route.path.startswith("/console")  # pages for people
        for method in route.app.methods
        if method != "HEAD"
    }
    documented = {(method, path) for path, methods in document()["paths"].items() for method in methods}
    assert routed == documented


@schema.parametrize()
@settings(
    max_examples=10,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
def test_no_request_makes_a_server_error(gateway: Served, case: schemathesis.Case) -> None:
    if isinstance(case.body, dict) and isinstance(case.body.get("model"), str):
        embeds = case.path.endswith("/embeddings")
        case.body["model"] = gateway.palier.encoder.name if embeds else "support"
    response = case.call(base_url=gateway.url, headers=gateway.headers, timeout=20)
    case.validate_response(
        response,
        checks=[
            not_a_server_error,
            status_code_conformance,
            content_type_conformance,
            response_schema_conformance,
        ],
    )
