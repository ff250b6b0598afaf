"""Rules, watches and addresses: written by whom they are of, which the database checks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sqlalchemy import insert, text
from sqlalchemy.exc import IntegrityError, ProgrammingError
from sqlalchemy.orm import Session

from blocks.errors import Forbidden, Refused
from flows.common import access
from flows.common.callers import DEFAULT, Caller, Means, Proof, Scope
from flows.notifications.alarms.options import AlarmKind
from flows.notifications.domain.words import (
    WATCHABLE,
    ChannelKind,
    Outcome,
    SubjectKind,
    WatchFor,
    What,
)
from flows.notifications.models import Rule, Watch
from flows.notifications.repository import channels, wishes
from flows.notifications.schemas import RuleForm, WatchForm

pytestmark = pytest.mark.integration

OWN = RuleForm(what=What.ACTION, name="submit_task", owner="anna", channel="open")
WATCH = WatchForm(kind=SubjectKind.TASK, subject="t1", watch_for=WatchFor.SUBMITTED)


@pytest.fixture
def anna(ops) -> Caller:
    """A user with the scopes of a new token, who asks through the web tier."""
    with Session(ops) as session:
        key = access.create_token(session, "anna")
        for name, is_open in (("ops", False), ("open", True)):
            channels.add(
                session, name, ChannelKind.FILE,
                url_file=Path("/etc/url"), is_open_to_watchers=is_open,
            )  # fmt: skip
        session.commit()
    proof = Proof(means=Means.TOKEN, value=key)
    return Caller("anna", Means.TOKEN, DEFAULT, proof=proof)


@pytest.fixture
def session(web):
    with Session(web) as session:
        yield session


def test_a_rule_on_ones_own_takes_no_more_than_a_token(anna, session):
    saved = wishes.save_rule(session, OWN, anna)
    [(rule, channel)] = wishes.rules(session, "anna")
    assert (rule.id, rule.owner, channel) == (saved, "anna", "open")


@pytest.mark.parametrize(
    "changed",
    [{"owner": ""}, {"owner": "bert"}, {"what": What.ALARM, "name": ""}, {"channel": "ops"}],
)
def test_a_rule_on_more_than_ones_own_takes_the_scope_operate(anna, session, changed):
    with pytest.raises(Forbidden, match="operate"):
        wishes.save_rule(session, OWN.model_copy(update=changed), anna)


def test_nobody_writes_in_the_name_of_another(anna, session):
    wishes.save_rule(session, OWN, anna)
    bert = Caller("bert", Means.TOKEN, DEFAULT, proof=anna.proof)
    for forged in (
        lambda: wishes.save_rule(session, OWN, bert),
        lambda: wishes.set_address(session, "bert@example.org", bert),
        lambda: wishes.add_watch(session, WATCH.model_copy(update={"channel": "open"}), bert),
    ):
        with pytest.raises(Forbidden, match="sign in again"):
            forged()
        session.rollback()


def test_a_rule_is_changed_by_its_author_and_removed_by_operators_too(anna, ops, session):
    saved = wishes.save_rule(session, OWN, anna)
    wishes.save_rule(session, OWN.model_copy(update={"campaign": "26.05.0"}), anna, rule_id=saved)
    assert wishes.rule(session, saved).campaign == "26.05.0"
    session.commit()
    with Session(ops) as there:
        key = access.create_token(there, "olga", scopes=[Scope.OPERATE])
        there.commit()
    olga = Caller(
        "olga", Means.TOKEN, frozenset({Scope.OPERATE}), proof=Proof(means=Means.TOKEN, value=key)
    )
    wishes.enable_rule(session, saved, olga, is_enabled=False)
    wishes.remove_rule(session, saved, olga)
    assert wishes.rules(session) == []


def test_a_watch_needs_an_address_or_an_open_channel(anna, session):
    with pytest.raises(Refused, match="/me/"):
        wishes.add_watch(session, WATCH, anna)
    with pytest.raises(Refused, match="open are: open"):
        wishes.add_watch(session, WATCH.model_copy(update={"channel": "ops"}), anna)


def test_the_same_watch_again_is_one_watch(anna, session):
    wishes.set_address(session, "anna@example.org", anna)
    first = wishes.add_watch(session, WATCH, anna)
    assert wishes.add_watch(session, WATCH, anna) == first
    assert len(wishes.watches_of(session, "anna")) == 1
    wishes.remove_watch(session, first, anna)
    with pytest.raises(wishes.WatchNotFound):
        wishes.remove_watch(session, first, anna)


def test_at_the_limit_the_same_watch_again_is_taken_and_another_is_not(anna, session, monkeypatch):
    monkeypatch.setattr(wishes, "MOST_WATCHES", 1)
    wishes.set_address(session, "anna@example.org", anna)
    first = wishes.add_watch(session, WATCH, anna)
    assert wishes.add_watch(session, WATCH, anna) == first
    with pytest.raises(Refused, match="1 already"):
        wishes.add_watch(session, WATCH.model_copy(update={"subject": "t2"}), anna)


@pytest.mark.parametrize(
    "changed", [{"what": "x"}, {"outcome": "x"}, {"options": []}, {"what": "alarm", "name": "x"}]
)
def test_the_database_takes_no_rule_of_words_that_there_are_not(ops, changed):
    wanted = {**OWN.columns(), "author": "anna", **changed}
    with Session(ops) as session, pytest.raises(IntegrityError, match="words_check"):
        session.execute(insert(Rule).values(wanted))


@pytest.mark.parametrize(
    "changed", [{"kind": "x"}, {"watch_for": "x"}, {"watch_for": "arrived"}, {"kind": "path"}]
)
def test_the_database_takes_no_watch_of_words_that_there_are_not(anna, session, changed):
    wanted = WATCH.model_dump(mode="json", exclude={"channel"}) | {"username": "anna"} | changed
    values = {"proof": anna.proof.value, "wanted": json.dumps(wanted)}
    statement = text("SELECT notification_watch_set('token', :proof, cast(:wanted AS jsonb))")
    with pytest.raises(IntegrityError, match="words_check"):
        session.execute(statement, values)


def test_the_database_takes_every_word_that_there_is(ops):
    with Session(ops) as session:
        for kind, words in WATCHABLE.items():
            wanted = {"username": "anna", "kind": kind, "subject": "t1"}
            session.add_all(Watch(**wanted, watch_for=each) for each in words)
        for name in AlarmKind:
            session.add(Rule(author="anna", what=What.ALARM, name=name))
        for what in What:
            session.add_all(Rule(author="anna", what=what, outcome=each) for each in Outcome)
        session.flush()


def test_an_address_may_have_to_be_of_certain_domains(anna, session):
    with pytest.raises(Refused, match="of: bnl"):
        wishes.set_address(session, "anna@example.org", anna, domains=["bnl.gov"])


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT url_file FROM notification_channel",
        "INSERT INTO notification_rule (author, what) VALUES ('olga', 'action')",
        "UPDATE notification SET state = 'sent'",
        "SELECT * FROM notification_request_end",
    ],
)
def test_the_web_tier_reads_no_path_and_writes_nothing_by_itself(session, statement):
    with pytest.raises(ProgrammingError, match="permission denied"):
        session.execute(text(statement))


def test_an_unknown_channel_is_answered_with_the_nearest_name(anna, session):
    with pytest.raises(channels.ChannelNotFound, match="did you mean 'open'"):
        wishes.save_rule(session, OWN.model_copy(update={"channel": "opne"}), anna)
