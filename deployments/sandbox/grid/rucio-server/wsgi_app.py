"""Rucio's application as gunicorn serves it; runs in the server's own environment."""  # noqa: INP001 - no package: a program of another environment

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from rucio.web.rest.main import application as rucio

_SLASHES = re.compile("/{2,}")
_SHORT_NAMES = {
    "countryName": "C",
    "stateOrProvinceName": "ST",
    "localityName": "L",
    "organizationName": "O",
    "organizationalUnitName": "OU",
    "commonName": "CN",
    "domainComponent": "DC",
    "emailAddress": "emailAddress",
}


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer as behind Apache: slashes merged, the client's DN where mod_ssl leaves it.

    Without the merging, a name that begins with a slash is stored with two.
    """
    environ["PATH_INFO"] = _SLASHES.sub("/", environ.get("PATH_INFO", ""))
    certificate = environ["gunicorn.socket"].getpeercert()
    if certificate:
        environ["SSL_CLIENT_S_DN"] = _distinguished_name(certificate["subject"])
    answer: Iterable[bytes] = rucio(environ, start_response)
    return answer


def _distinguished_name(subject: Iterable[Iterable[tuple[str, str]]]) -> str:
    parts = [pair for step in subject for pair in step]
    return "".join(f"/{_SHORT_NAMES.get(name, name)}={value}" for name, value in parts)
