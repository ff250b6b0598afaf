"""Requests that schemathesis makes from the OpenAPI document: good, bad, and between."""

from __future__ import annotations

import importlib
import random
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from blocks.errors import ProdOpsError
from deployments.bench.abuse.inputs import HttpInput
from deployments.bench.abuse.operations import Operation, document
from deployments.bench.abuse.requests import Known

_OURS: Final = frozenset(
    {"host", "content-length", "connection", "user-agent", "accept-encoding"}
    | {"x-schemathesis-testcaseid"}  # another each time
)


class GeneratorMissing(ProdOpsError):
    """A package that the bench needs is not installed."""

    exit_code = 2


def load() -> Any:
    """The packages that make requests, which are none of prodops' own.

    Raises:
        GeneratorMissing: They are not installed.
    """
    try:
        return importlib.import_module("schemathesis"), importlib.import_module("hypothesis")
    except ModuleNotFoundError as error:
        raise GeneratorMissing(
            f"bench abuse needs the package {error.name}, which `make setup` installs"
        ) from None


def generate(
    seed: int, operations: Sequence[Operation], known: Known, *, examples: int
) -> dict[str, list[HttpInput]]:
    """Requests of each documented operation, by its name; the same of a seed each time."""
    schemathesis, _ = load()
    by_name = {str(each): each for each in operations if each.is_documented}
    found: dict[str, list[HttpInput]] = {}
    for result in schemathesis.openapi.from_dict(document()).get_all_operations():
        described = result.ok()
        operation = by_name.get(f"{described.method.upper()} {described.path}")
        if operation is not None:
            found[str(operation)] = _cases(described, operation, known, seed, examples)
    return found


def _cases(
    described: Any, operation: Operation, known: Known, seed: int, examples: int
) -> list[HttpInput]:
    schemathesis, hypothesis = load()
    made: list[HttpInput] = []
    chance = random.Random(f"{seed} {operation}")  # noqa: S311 - no secret

    def take(case: Any) -> None:
        made.append(_input(case, operation, known, chance))

    strategies = [
        described.as_strategy(generation_mode=mode) for mode in schemathesis.GenerationMode
    ]
    settings = hypothesis.settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
        verbosity=hypothesis.Verbosity.quiet,
    )
    given = hypothesis.given(case=hypothesis.strategies.one_of(strategies))
    hypothesis.seed(chance.randrange(2**32))(settings(given(take)))()
    return made


def _input(case: Any, operation: Operation, known: Known, chance: random.Random) -> HttpInput:
    """The case as it would be sent, about something that is there every other time."""
    if operation.parameters and chance.random() < 0.5:  # noqa: PLR2004 - every other time
        names = operation.parameters
        case.path_parameters = {name: known.key(operation.path, name, chance) for name in names}
    sent = case.as_transport_kwargs(base_url="http://abuse.invalid")
    prepared = (
        importlib.import_module("requests")
        .Request(
            **{
                key: sent[key]
                for key in ("method", "url", "headers", "params", "json", "data", "files")
                if key in sent
            }
        )
        .prepare()
    )
    url = urlsplit(prepared.url)
    target = url.path + (f"?{url.query}" if url.query else "")
    headers = tuple(
        (str(name), _text(value))
        for name, value in prepared.headers.items()
        if name.lower() not in _OURS
    )
    body = prepared.body or b""
    content = body.encode("utf-8", "surrogatepass") if isinstance(body, str) else bytes(body)
    return HttpInput("generated", prepared.method, target, operation, headers, content)


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value
