"""What a bad input is: a request, a file, or a statement of the web role's. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from deployments.bench.abuse.operations import Operation

Headers = tuple[tuple[str, str], ...]

HOST: Final = "host"
LENGTH: Final = "content-length"
CREDENTIALS: Final = "credentials"
_SHOWN: Final = 160


@dataclass(frozen=True)
class HttpInput:
    """A request, as it is written to the connection.

    Attributes:
        kind: What is wrong with it, in a word.
        method: Its method, which may be none.
        target: Its path and query, percent-encoded or not.
        operation: The operation that it is about.
        headers: Its headers; one may come twice, and hold anything.
        body: Its body.
        without: What is not added to its headers: `host`, `content-length`, `credentials`.
        is_answered: Whether an answer is owed; not where the bytes are no HTTP.
        is_cut: Whether the connection's sending side is closed after it.
    """

    kind: str
    method: str
    target: str
    operation: Operation
    headers: Headers = ()
    body: bytes = b""
    without: frozenset[str] = frozenset()
    is_answered: bool = True
    is_cut: bool = False

    def __str__(self) -> str:
        headers = ", ".join(f"{name}: {value[:60]}" for name, value in self.headers)
        body = f" {self.body[:_SHOWN]!r}" if self.body else ""
        return f"[{self.kind}] {self.method} {self.target[:_SHOWN]} ({headers}){body}"


@dataclass(frozen=True)
class FileInput:
    """Something in a directory that a part reads.

    Attributes:
        kind: What it is, in a word: `PLACERS` of `files.py` make it.
        name: Its name there, as bytes.
        content: Its content, where it has one.
    """

    kind: str
    name: bytes
    content: bytes = b""

    def __str__(self) -> str:
        return f"[{self.kind}] {self.name[:_SHOWN]!r} {self.content[:40]!r}"


@dataclass(frozen=True)
class RowInput:
    """A statement that a web tier can make which somebody took over.

    Attributes:
        kind: What it does, in a word.
        statement: SQL, with `:names` of values.
        values: The values.
    """

    kind: str
    statement: str
    values: Mapping[str, object] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"[{self.kind}] {self.statement[:_SHOWN]} {str(self.values)[:_SHOWN]}"
