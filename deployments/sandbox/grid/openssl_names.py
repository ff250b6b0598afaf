"""How OpenSSL files a CA's certificate: by two hashes of its name, with a signing policy."""

from __future__ import annotations

import hashlib

from cryptography import x509

_UTF8 = {x509.NameOID.ORGANIZATION_NAME, x509.NameOID.COMMON_NAME}
_FRAME_BYTES = 2  # in DER, of a name that is as short as one attribute


def hash_links(subject: x509.Name) -> tuple[str, str]:
    """The names `openssl x509 -subject_hash` and `-subject_hash_old` give; XRootD asks for both.

    Raises:
        ValueError: There is more than organisations and common names, which DER writes as UTF-8
            strings of at most 64 characters.
    """
    if not {each.oid for each in subject} <= _UTF8:
        raise ValueError(f"no hash is known of {subject.rfc4514_string()}")
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
    lowered = (
        x509.NameAttribute(each.oid, " ".join(str(each.value).lower().split())) for each in subject
    )
    return b"".join(x509.Name([each]).public_bytes()[_FRAME_BYTES:] for each in lowered)
