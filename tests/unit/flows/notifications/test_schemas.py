"""Forms of rules, watches and addresses: what is not of its form is refused and named."""

import pytest
from pydantic import ValidationError

from flows.notifications.schemas import AddressForm, RuleForm, WatchForm


@pytest.mark.parametrize(
    ("kind", "watch_for", "known"),
    [("task", "arrived", "submitted, complete, failed, ended"), ("dataset", "failed", "arrived")],
)
def test_a_watch_can_only_wait_for_what_comes_of_its_kind(kind, watch_for, known):
    with pytest.raises(ValidationError, match=known):
        WatchForm(kind=kind, subject="x", watch_for=watch_for)


@pytest.mark.parametrize("subject", ["x", "1 OR 1=1", "٣", "-1", "1" * 19, ""])
def test_a_request_is_named_by_its_number(subject):
    with pytest.raises(ValidationError):
        WatchForm(kind="request", subject=subject, watch_for="ended")


@pytest.mark.parametrize(
    "email",
    ["anna", "anna@", "@example.org", "a@b@c.org", "a b@example.org", "a@exa mple.org",
     "a@example.org\nbcc: x@y.org", "a" * 65 + "@example.org", "a@" + "b" * 300, "a@x.org,b@y.org"],
)  # fmt: skip
def test_an_address_is_one_mail_address(email):
    with pytest.raises(ValidationError):
        AddressForm(email=email)
    assert AddressForm(email=" anna.b+x@example.org ").email == "anna.b+x@example.org"


@pytest.mark.parametrize(
    "more",
    [{"what": "x"}, {"subject": "s" * 501}, {"name": "\x00"}, {"channel": "c" * 151}, {"b": 1}],
)
def test_a_rule_that_is_not_of_its_form_is_refused(more):
    with pytest.raises(ValidationError):
        RuleForm(**{"what": "action", **more})


@pytest.mark.parametrize(
    ("form", "reason"),
    [
        ({"what": "alarm", "options": {"days": "soon"}}, "valid number"),
        ({"what": "alarm", "options": {"limit_percent": 0}}, "greater than 0"),
        ({"what": "alarm", "options": {"limit": 5}}, "not permitted"),
        ({"what": "alarm", "name": "failures"}, "there is no alarm 'failures'"),
        ({"what": "event", "options": {"days": 1}}, "only a rule on alarms"),
    ],
)
def test_a_rule_on_alarms_takes_known_kinds_and_limits_alone(form, reason):
    with pytest.raises(ValidationError, match=reason):
        RuleForm.model_validate(form)


def test_limits_that_are_not_given_are_the_usual_ones():
    form = RuleForm.model_validate({"what": "alarm", "name": "queue_waits"})
    assert form.options == {}
