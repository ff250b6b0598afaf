"""How OpenSSL files a CA's certificate: by two hashes of its name, with a signing policy."""

from __future__ import annotations

import hashlib

from cryptography import x509


def hash_links(subject: x509.Name) -> tuple[str, str]:
    """The names `openssl x509 -subject_hash` and `-subject_hash_old` give; XRootD asks for both."""
    today = hashlib.sha1(_canonical(subject), usedforsecurity=False).digest()
    old = hashlib.md5(subject.public_bytes(), usedforsecurity=False).digest()
    return _short(today), _short(old)


def signing_policy(authority: str, subjects: str) -> str:
    """The text of a ``.signing_policy`` file: this CA may sign these subjects."""
    return (
        f"access_id_CA X509 '{authority}'\n"
        "pos_rights globus CA:sign\n"
        f"cond_subjects globus '\"{subjects}\"'\n"
    )


def _short(digest: bytes) -> str:
    return f"{int.from_bytes(digest[:4], 'little'):08x}"


def _canonical(subject: x509.Name) -> bytes:
    """OpenSSL's canonical form: lower-case UTF-8 strings, one set for each attribute, no frame."""
    return b"".join(_tagged(0x31, _tagged(0x30, _attribute(each))) for each in subject)


def _attribute(attribute: x509.NameAttribute[str | bytes]) -> bytes:
    value = " ".join(str(attribute.value).lower().split())
    return _identifier(attribute.oid) + _tagged(0x0C, value.encode())


def _identifier(oid: x509.ObjectIdentifier) -> bytes:
    first, second, *rest = map(int, oid.dotted_string.split("."))
    body = bytes([40 * first + second]) + b"".join(map(_base_128, rest))
    return _tagged(0x06, body)


def _base_128(number: int) -> bytes:
    digits = [number & 0x7F]
    while number := number >> 7:
        digits.append(0x80 | number & 0x7F)
    return bytes(reversed(digits))


def _tagged(tag: int, body: bytes) -> bytes:
    if len(body) > 0x7F:  # noqa: PLR2004 - DER's short form ends here
        raise ValueError("longer than the sandbox's names are")
    return bytes([tag, len(body)]) + body
