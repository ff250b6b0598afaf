"""Rucio's application as gunicorn serves it; runs in the server's own environment."""

import re

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


def application(environ, start_response):
    """Answer as behind Apache: slashes merged, the client's DN where mod_ssl leaves it.

    Without the merging, a name that begins with a slash is stored with two.
    """
    environ["PATH_INFO"] = _SLASHES.sub("/", environ.get("PATH_INFO", ""))
    certificate = environ["gunicorn.socket"].getpeercert()
    if certificate:
        environ["SSL_CLIENT_S_DN"] = _distinguished_name(certificate["subject"])
    return rucio(environ, start_response)


def _distinguished_name(subject):
    parts = [pair for step in subject for pair in step]
    return "".join(f"/{_SHORT_NAMES.get(name, name)}={value}" for name, value in parts)
