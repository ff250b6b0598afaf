"""What a scope includes, and how its lack is said."""

from __future__ import annotations

import pytest

from blocks.errors import Forbidden
from flows.common.callers import (
    ALL,
    DEFAULT,
    NOBODY,
    VISITOR,
    Caller,
    Means,
    Proof,
    Scope,
    ScopeMissing,
    in_order,
    on_ops_side,
    with_included,
)

ANNA = Caller("anna", Means.TOKEN, DEFAULT)
BOT = Caller("bot", Means.TOKEN, DEFAULT, service="bot")


@pytest.mark.parametrize(
    ("given", "held"),
    [
        ((), []),
        (("read",), ["read"]),
        (("operate",), ["read", "request", "operate"]),
        (("admin", "message"), ["read", "message", "admin"]),
    ],
)
def test_a_scope_includes_what_it_cannot_be_used_without(given, held):
    assert in_order(with_included(given)) == held


def test_what_is_no_scope_is_refused():
    with pytest.raises(ValueError, match="root"):
        with_included(["root"])


@pytest.mark.parametrize(
    ("caller", "words"),
    [
        (ANNA, "prodops token create anna --scope operate"),
        (Caller("anna", Means.SESSION, DEFAULT), "prodops token create anna --scope operate"),
        (Caller("anna", Means.PROXY, DEFAULT), "prodops user set anna --scope operate"),
        (Caller("anna", Means.TOKEN, DEFAULT, service="bot"), "prodops token create bot"),
        (VISITOR, "sign in"),
        (NOBODY, "sign in"),
    ],
)
def test_a_refusal_names_the_scope_and_who_can_give_it(caller, words):
    with pytest.raises(ScopeMissing, match="the scope operate") as refused:
        caller.require(Scope.OPERATE)
    assert words in str(refused.value)
    assert refused.value.details == {"missing_scope": "operate"}


def test_what_is_one_s_own_takes_request_and_what_is_another_s_operate():
    ANNA.require_own("anna", "That")
    Caller("eve", Means.PROXY, ALL).require_own("anna", "That")
    for caller, owner in ((ANNA, "eve"), (ANNA, ""), (Caller("anna", Means.TOKEN), "anna")):
        with pytest.raises(ScopeMissing):
            caller.require_own(owner, "That")


def test_only_a_service_speaks_for_another():
    assert BOT.speaking_for("eve").name == "eve"
    assert BOT.speaking_for("eve").service == "bot"
    assert ANNA.speaking_for("anna") is ANNA
    assert ANNA.speaking_for("") is ANNA
    with pytest.raises(Forbidden, match="you are anna"):
        ANNA.speaking_for("eve")


def test_a_proof_is_in_no_text():
    proof = Proof(means=Means.TOKEN, value="0123456789")
    assert "0123456789" not in f"{proof!r} {Caller('a', Means.TOKEN, proof=proof)!r}"


def test_the_ops_side_may_do_everything():
    assert on_ops_side("root").scopes == ALL
