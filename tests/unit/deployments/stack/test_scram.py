"""What PostgreSQL keeps of a password, against the exchange of RFC 7677, section 3."""

from __future__ import annotations

import base64
import hashlib
import hmac

from deployments.stack.scram import verifier

SALT = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
NONCE = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
EXCHANGE = (
    f"n=user,r=rOprNGfwEbeRWgbNEkqO,r={NONCE},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,r={NONCE}"
).encode()
PROOF = base64.b64decode("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")
SIGNATURE = "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="


def test_the_server_knows_the_client_of_the_rfc_and_shows_itself_to_it():
    told = verifier("pencil", iterations=4096, salt=SALT)
    method, work, keys = told.split("$")
    stored, server = (base64.b64decode(key) for key in keys.split(":"))
    assert (method, work) == ("SCRAM-SHA-256", "4096:W22ZaJ0SNY7soEsUEjb6gQ==")
    signed = hmac.digest(stored, EXCHANGE, "sha256")
    client = bytes(one ^ other for one, other in zip(PROOF, signed, strict=True))
    assert hashlib.sha256(client).digest() == stored
    assert base64.b64encode(hmac.digest(server, EXCHANGE, "sha256")).decode() == SIGNATURE


def test_each_has_a_salt_of_its_own():
    assert verifier("pencil", iterations=1) != verifier("pencil", iterations=1)
