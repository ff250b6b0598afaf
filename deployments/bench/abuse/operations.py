"""What the web tier serves, found from the application itself: routes, scopes, good bodies."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any, Final

from fastapi.dependencies.models import Dependant
from fastapi.routing import RouteContext, iter_route_contexts

from api.http import folders
from api.http.access import scope_taken_by
from api.http.app import routed
from flows.common import actions, capabilities
from flows.common.callers import Scope
from flows.common.database import Base

_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_ACTION: Final = "/api/actions/{action}/"
_PARAMETER: Final = re.compile(r"{(\w+)(?::\w+)?}")


@dataclass(frozen=True)
class Operation:
    """A method of a route.

    Attributes:
        method: Its method.
        path: Its path, with `{parameters}`.
        scope: The scope that it declares to take at least; None: it declares none.
        capability: The folder of `api/` that it belongs to; empty for what the frame serves.
        queries: Names of its query's parameters.
        body: A good body, as far as its schema says; None: it takes none.
        is_documented: Whether it is in the OpenAPI document.
    """

    method: str
    path: str
    scope: Scope | None = None
    capability: str = ""
    queries: tuple[str, ...] = ()
    body: Any = field(default=None, compare=False)
    is_documented: bool = False

    @property
    def is_safe(self) -> bool:
        """Whether it only reads."""
        return self.method in _SAFE

    @property
    def parameters(self) -> list[str]:
        """Names of the parameters in its path."""
        return _PARAMETER.findall(self.path)

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@cache
def document() -> dict[str, Any]:
    """The OpenAPI document."""
    return routed("").openapi()


@cache
def all_operations() -> tuple[Operation, ...]:
    """Every operation of the application, an action each for itself, in a fixed order."""
    by_endpoint = {
        route.endpoint: module.__name__.split(".")[1]
        for module in (*folders.modules("routes"), *folders.modules("pages"))
        if hasattr(module, "router")
        for route in iter_route_contexts(module.router.routes)
    }
    found: dict[str, Operation] = {}
    for route in iter_route_contexts(routed("").routes):
        capability = by_endpoint.get(route.endpoint, "")
        for each in _of_route(route, capability):
            found.setdefault(str(each), each)
    # Some are served without their slash too: the same route.
    doubled = {name for name, each in found.items() if f"{name}/" in found}
    return tuple(
        found[name] for name in sorted(found) if name not in doubled or found[name].is_documented
    )


def guards(written: Collection[str]) -> dict[str, frozenset[Scope]]:
    """The scopes, by table, any of which permits to write it: those that its routes declare.

    Args:
        written: The tables that the web tier writes; others are what requests come to.
    """
    declared: dict[str, set[Scope]] = {}
    for each in all_operations():
        if each.scope is not None and not each.is_safe:
            declared.setdefault(each.capability, set()).add(each.scope)
    capabilities.import_models()
    for module in folders.modules("models"):
        assert module  # noqa: S101 - imported: its tables are known
    tables: dict[str, frozenset[Scope]] = {}
    for mapper in Base.registry.mappers:
        home = mapper.class_.__module__.split(".")[1]
        table = str(mapper.local_table)
        if home in declared and table in written:
            tables[table] = frozenset(declared[home])
    return tables


def _of_route(route: RouteContext, capability: str) -> Iterator[Operation]:
    path = str(route.path_format or route.path)
    described = document()["paths"].get(path, {})
    scope = _scope_of(getattr(route, "dependant", None))
    for method in sorted(route.methods or {"GET"}):
        said = described.get(method.lower(), {}) if getattr(route, "include_in_schema", 0) else {}
        queries = tuple(
            each["name"] for each in said.get("parameters", ()) if each["in"] == "query"
        )
        made = partial(
            Operation,
            capability=capability,
            queries=queries,
            is_documented=bool(said),
        )
        if path == _ACTION:
            for action in actions.all_actions().values():
                own = path.replace("{action}", action.name)
                form = action.parameters.model_json_schema()
                body = sample(form, form.get("$defs", {}))
                yield made(method, own, action.scope, body=body)
        yield made(method, path, scope, body=_body_of(said))


def _scope_of(dependant: Dependant | None) -> Scope | None:
    if dependant is None:
        return None
    for each in dependant.dependencies:
        found = scope_taken_by(each.call) or _scope_of(each)
        if found is not None:
            return found
    return None


def _body_of(said: Mapping[str, Any]) -> Any:
    content = said.get("requestBody", {}).get("content", {}).get("application/json")
    if content is None:
        return None
    if "example" in content:
        return content["example"]
    return sample(content.get("schema", {}), document()["components"]["schemas"])


def sample(schema: Mapping[str, Any], definitions: Mapping[str, Any], depth: int = 0) -> Any:
    """A value that a JSON schema permits, as far as it can be seen without trying."""
    if "$ref" in schema:
        schema = definitions[schema["$ref"].rpartition("/")[2]]
    for word in ("example", "const", "default"):
        if schema.get(word) is not None:
            return schema[word]
    if listed := schema.get("examples") or schema.get("enum"):
        return listed[0]
    for word in ("anyOf", "oneOf", "allOf"):
        if word in schema:
            return sample(schema[word][0], definitions, depth)
    return _of_type(schema, definitions, depth)


def _of_type(schema: Mapping[str, Any], definitions: Mapping[str, Any], depth: int) -> Any:
    is_deep = depth >= _DEEPEST
    match schema.get("type", "object"):
        case "array":
            return [] if is_deep else [sample(schema.get("items", {}), definitions, depth + 1)]
        case "object":
            below = {} if is_deep else schema.get("properties", {})
            return {name: sample(each, definitions, depth + 1) for name, each in below.items()}
        case "string":
            return _STRINGS.get(schema.get("format", ""), "abuse")
        case kind:
            return {"integer": 1, "number": 1.5, "boolean": True}.get(kind)


_DEEPEST: Final = 4
_STRINGS: Final = {
    "date-time": "2026-08-01T12:00:00Z",
    "date": "2026-08-01",
    "uuid": "5f0c7e9a-38d2-4b52-9d0a-0f6c0a9c1d11",
}
