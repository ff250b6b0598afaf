"""SCRAM-SHA-256: what PostgreSQL keeps instead of a password (RFC 5802, RFC 7677)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

_SALT_BYTES = 16
_HASH = "sha256"


def verifier(password: str, *, iterations: int, salt: bytes | None = None) -> str:
    """What `ALTER ROLE … PASSWORD` takes in place of the password.

    Args:
        password: Of ASCII characters.
        iterations: How often it is hashed by whoever connects, and would have to be for a guess.
        salt: None: a new one.
    """
    salt = salt or secrets.token_bytes(_SALT_BYTES)
    salted = hashlib.pbkdf2_hmac(_HASH, password.encode("ascii"), salt, iterations)
    stored = hashlib.new(_HASH, hmac.digest(salted, b"Client Key", _HASH)).digest()
    server = hmac.digest(salted, b"Server Key", _HASH)
    return f"SCRAM-SHA-256${iterations}:{_text(salt)}${_text(stored)}:{_text(server)}"


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
