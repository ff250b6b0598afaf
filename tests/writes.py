"""Every route that writes, as the API describes itself."""

from __future__ import annotations

import re

from tests.conftest import ServedApi

WRITING = ("post", "put", "patch", "delete")
_KEYS = re.compile(r"{.*?}")


def writes(served: ServedApi) -> list[tuple[str, str]]:
    """Method and path of each, with 1 for each key."""
    with served.client() as client:
        described = client.get("/openapi.json").json()["paths"]
    return [
        (method.upper(), _KEYS.sub("1", path))
        for path, methods in described.items()
        for method in WRITING
        if method in methods
    ]


def write_paths(served: ServedApi) -> list[str]:
    """The paths of them, each once."""
    return list(dict.fromkeys(path for _, path in writes(served)))
