"""Rucio's REST API as the sandbox's own hands use it: what makes RSEs and, in tests, DIDs."""

from __future__ import annotations

import http
import json
import ssl
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from blocks.closing import Closing
from blocks.errors import ProdOpsError

_TIMEOUT_SECONDS = 60.0
_STREAM = "application/x-json-stream"


class RucioRefused(ProdOpsError):
    """The sandbox's Rucio did not do what it was asked."""


class RucioApi(Closing):
    """One account's session at a Rucio server; the token is got at the first call."""

    def __init__(self, url: str, *, account: str, password: str, ca_file: Path) -> None:
        self._account = account
        self._password = password
        context = ssl.create_default_context(cafile=ca_file)
        self._client = httpx.Client(base_url=url, verify=context, timeout=_TIMEOUT_SECONDS)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def get(self, *path: str, **query: str) -> list[Any]:
        """The rows that a GET answers with."""
        return _rows(self._call("GET", path, params=query))

    def post(self, *path: str, body: Any = None, **query: str) -> list[Any]:
        """The rows that a POST answers with."""
        return _rows(self._call("POST", path, content=json.dumps(body), params=query))

    def put(self, *path: str, body: Any = None) -> None:
        """Send a PUT."""
        self._call("PUT", path, content=json.dumps(body))

    def ensure_rse(self, rse: str, *, rse_type: str, protocol: Mapping[str, Any]) -> None:
        """Make an RSE with one protocol and the EIC names, where there is none."""
        if self._answer("GET", ("rses", rse)).is_success:
            return
        self.post("rses", rse, body={"rse_type": rse_type, "deterministic": True})
        self.post("rses", rse, "attr", "lfn2pfn_algorithm", body={"value": "eic"})
        rest = {name: value for name, value in protocol.items() if name != "scheme"}
        self.post("rses", rse, "protocols", str(protocol["scheme"]), body=rest)

    def _call(self, method: str, path: Iterable[str], **more: Any) -> httpx.Response:
        answer = self._answer(method, path, **more)
        if not answer.is_success:
            said = answer.headers.get("ExceptionMessage") or answer.text
            place = f"{method} {answer.url.path}"
            raise RucioRefused(f"{place}: {answer.status_code} {said}")
        return answer

    def _answer(self, method: str, path: Iterable[str], **more: Any) -> httpx.Response:
        place = "/" + "/".join(quote(segment, safe="") for segment in path)
        return self._client.request(method, place, headers=self._headers, **more)

    @cached_property
    def _headers(self) -> dict[str, str]:
        given = {
            "X-Rucio-Account": self._account,
            "X-Rucio-Username": self._account,
            "X-Rucio-Password": self._password,
        }
        answer = self._client.get("/auth/userpass", headers=given)
        if answer.status_code != http.HTTPStatus.OK:
            raise RucioRefused(f"{self._account} cannot sign in: {answer.text}")
        return {
            "Accept": f"{_STREAM}, application/json",
            "Content-Type": "application/json",
            "X-Rucio-Auth-Token": answer.headers["X-Rucio-Auth-Token"],
        }


def _rows(answer: httpx.Response) -> list[Any]:
    if answer.headers.get("Content-Type", "").startswith(_STREAM):
        return [json.loads(line) for line in answer.text.splitlines() if line]
    found = answer.json() if answer.content and "json" in answer.headers["Content-Type"] else []
    return found if isinstance(found, list) else [found]
