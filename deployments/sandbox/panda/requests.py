"""A request as it came, and its parameters: query, JSON, form or upload."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from deployments.sandbox.panda.protocol import JSON, Upload

_DISPOSITION = re.compile(r'name="(?P<name>[^"]*)"(?:.*filename="(?P<file>[^"]*)")?', re.DOTALL)


class BadBody(Exception):
    """The body is not what its content type says."""


@dataclass(frozen=True)
class Request:
    """One HTTP request; header names in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @cached_property
    def path(self) -> str:
        """The path, decoded."""
        return unquote(urlsplit(self.target).path)

    @cached_property
    def query(self) -> dict[str, Any]:
        """Parameters of the query: a text each, a list where it came several times."""
        return _flat(parse_qs(urlsplit(self.target).query, keep_blank_values=True))

    @cached_property
    def form(self) -> dict[str, str]:
        """Parameters of an urlencoded body."""
        return {name: str(value) for name, value in _flat(parse_qs(self._text())).items()}

    def json(self) -> dict[str, Any]:
        """A JSON object.

        Raises:
            BadBody: It is something else.
        """
        try:
            content = json.loads(self._text() or "{}")
        except ValueError as error:
            raise BadBody(f"failed to load JSON: {error}") from error
        if not isinstance(content, dict):
            raise BadBody("failed to load JSON: not an object")
        return content

    def parameters(self) -> dict[str, Any]:
        """The parameters of a method of PanDA.

        Raises:
            BadBody: The body cannot be read.
        """
        if self.method != "POST":
            return self.query
        kind = self.headers.get("content-type", "")
        if kind.startswith(JSON):
            return self.json()
        if kind.startswith("multipart/form-data"):
            return _uploads(kind, self.body)
        return dict(self.form)

    def _text(self) -> str:
        try:
            is_packed = self.headers.get("content-encoding") == "gzip"
            return (gzip.decompress(self.body) if is_packed else self.body).decode()
        except (OSError, EOFError, UnicodeDecodeError) as error:
            raise BadBody(f"the body cannot be decoded: {error}") from error


def _flat(values: Mapping[str, list[str]]) -> dict[str, Any]:
    return {name: listed[0] if len(listed) == 1 else listed for name, listed in values.items()}


def _uploads(content_type: str, body: bytes) -> dict[str, Any]:
    """The parts of a multipart form (RFC 7578): files, and texts."""
    _, found, boundary = content_type.partition("boundary=")
    if not found:
        raise BadBody("the form has no boundary")
    read: dict[str, Any] = {}
    mark = b"--" + boundary.strip('"').encode()
    for part in body.split(mark)[1:-1]:
        head, found_blank, content = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        named = _DISPOSITION.search(head.decode("utf-8", "replace"))
        if not found_blank or named is None:
            raise BadBody("the form has a part without a name")
        value = content.removesuffix(b"\r\n")
        file = named["file"]
        read[named["name"]] = value.decode() if file is None else Upload(file, value)
    return read
