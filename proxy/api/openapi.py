"""The OpenAPI 3.1 document, made of the routes and the models their handlers parse.

Nothing in it is written by hand that the code knows: a field, a limit or a permission
that changes there changes here.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, models_json_schema
from pydantic_core import core_schema
from typing_extensions import override

from proxy.access.wire import COOKIE, CSRF_HEADER
from proxy.api.faults import (
    BadBodyError,
    ForbiddenError,
    InvalidRequestError,
    NotReadyError,
    UnknownPlaceError,
)
from proxy.api.route import PLACES, Model, Route
from proxy.errors import (
    BodyTooLargeError,
    DatabaseUnavailableError,
    PonctuelError,
    UnauthorizedError,
    WrongContentTypeError,
)
from proxy.policy_document import Code
from proxy.problems import PROBLEM

_REFERENCE = "#/components/schemas/{model}"
_ABOUT = (
    "Policies, their approval, monitors, incidents and reconciliation of a site. "
    "Every route asks for a permission; what is not listed is refused."
)
_ALWAYS = (
    UnauthorizedError,
    ForbiddenError,
    UnknownPlaceError,
    InvalidRequestError,
    NotReadyError,
    DatabaseUnavailableError,
)
_WITH_A_BODY = (BadBodyError, BodyTooLargeError, WrongContentTypeError)
_Use = tuple[type[BaseModel], JsonSchemaMode]
_References = Mapping[tuple[Any, JsonSchemaMode], dict[str, Any]]


class FieldFault(Model):
    """What is wrong with one field, and what would be right."""

    field: str
    detail: str
    fix: str


class Problem(Model):
    """RFC 9457: what did not happen, why, and what to do about it."""

    type: str
    title: str
    status: int
    detail: str | None = None
    field: str | None = None
    fix: str | None = None
    errors: list[FieldFault] | None = None


class _AsParsed(GenerateJsonSchema):
    """Sets are read from lists in which a value may well appear twice."""

    @override
    def frozenset_schema(self, schema: core_schema.FrozenSetSchema) -> dict[str, Any]:
        made = super().frozenset_schema(schema)
        made.pop("uniqueItems", None)
        return made


_SHOWN = {
    "token": {"type": "http", "scheme": "bearer"},
    "session": {"type": "apiKey", "in": "cookie", "name": COOKIE},
    "csrf": {"type": "apiKey", "in": "header", "name": CSRF_HEADER},
}


@cache
def document(routes: tuple[Route[Any], ...]) -> bytes:
    """The document as it is served. Making it takes longer than answering with it."""
    references, schemas = _schemas(routes)
    describe = _Describer(references)
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        operation = describe.operation(route)
        paths.setdefault(route.path, {})[route.method.lower()] = operation
    described = {
        "openapi": "3.1.0",
        "info": {"title": "Ponctuel", "version": "1", "description": _ABOUT},
        "servers": [{"url": "/api/v1"}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": describe.refused,
            "securitySchemes": _SHOWN,
        },
        "security": [{"token": []}, {"session": [], "csrf": []}],
        "tags": [{"name": name} for name in sorted({each.part for each in routes})],
    }
    text = json.dumps(described, ensure_ascii=False)
    return _without_folders(text, schemas).encode()


def _without_folders(text: str, schemas: Iterable[str]) -> str:
    """Two models of one name are told apart by their module, not by its folder too."""
    for name in schemas:
        if "__" in name:
            *_, module, model = name.split("__")
            text = text.replace(name, module.capitalize() + model)
    return text


def _schemas(routes: tuple[Route[Any], ...]) -> tuple[_References, Any]:
    modes: dict[_Use, None] = {(Problem, "serialization"): None}
    for route in routes:
        modes[route.answers, "serialization"] = None
        if route.has_body:
            modes[route.asks, "validation"] = None
    references, schemas = models_json_schema(
        list(modes), ref_template=_REFERENCE, schema_generator=_AsParsed
    )
    return references, schemas["$defs"]


class _Describer:
    """Writes operations; `references` say where the schemas of models stand.

    Most routes refuse in the same ways: each is written once, in `refused`.
    """

    def __init__(self, references: _References) -> None:
        self._references = references
        self.refused: dict[str, dict[str, Any]] = {}

    def operation(self, route: Route[Any]) -> dict[str, Any]:
        operation: dict[str, Any] = {
            "operationId": route.name,
            "tags": [route.part],
            "summary": route.summary,
            "description": f"Asks for the permission `{route.permission}`.",
            "parameters": [*_places(route), *_query(route)],
            "responses": self._responses(route),
        }
        if route.has_body:
            schema = self._references[route.asks, "validation"]
            content = {"schema": schema} | (
                {"example": route.example} if route.example else {}
            )
            operation["requestBody"] = {
                "required": True,
                "content": {"application/json": content},
            }
        return operation

    def _responses(self, route: Route[Any]) -> dict[str, Any]:
        schema = self._references[route.answers, "serialization"]
        done = {
            "description": HTTPStatus(route.status).phrase,
            "content": {"application/json": {"schema": schema}},
        }
        return {str(route.status): done} | self._refusals(route)

    def _refusals(self, route: Route[Any]) -> dict[str, Any]:
        of_status: dict[int, list[type[PonctuelError]]] = {}
        for refusal in _refusals(route):
            of_status.setdefault(refusal.status, []).append(refusal)
        return {str(s): self._refused(of_status[s]) for s in sorted(of_status)}

    def _refused(self, refusals: list[type[PonctuelError]]) -> dict[str, str]:
        name = "Or".join(each.__name__.removesuffix("Error") for each in refusals)
        titles = [(each.__doc__ or "").partition("\n")[0] for each in refusals]
        schema = self._references[Problem, "serialization"]
        self.refused[name] = {
            "description": " ".join(titles),
            "content": {PROBLEM: {"schema": schema}},
        }
        return {"$ref": f"#/components/responses/{name}"}


def _refusals(route: Route[Any]) -> tuple[type[PonctuelError], ...]:
    of_bodies = () if route.method == "GET" else _WITH_A_BODY
    return _ALWAYS + of_bodies + route.refusals


def _places(route: Route[Any]) -> Iterator[dict[str, Any]]:
    schemas = {name: each.json_schema() for name, each in PLACES.items()}
    schemas["site"] = TypeAdapter(Code).json_schema()
    for name, schema in schemas.items():
        if f"{{{name}}}" in route.path:
            yield {"name": name, "in": "path", "required": True, "schema": schema}


def _query(route: Route[Any]) -> Iterator[dict[str, Any]]:
    if route.method != "GET":
        return
    schema = route.asks.model_json_schema()
    for name, field in schema.get("properties", {}).items():
        is_required = name in schema.get("required", ())
        yield {"name": name, "in": "query", "required": is_required, "schema": field}
