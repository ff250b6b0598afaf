"""The steps of a submission, each a task with its own retry policy.

Looking and writing down are repeated through an outage; sending is not: what a lost answer did is
found out by `look_up`.
"""

from flows.submission.tasks.finding_out import confirm, look_up, settle_refused, take_over
from flows.submission.tasks.preparing import (
    REFUSALS,
    SubmissionRefused,
    check_token,
    claim_attempt,
    fetch_command,
    refuse,
)
from flows.submission.tasks.recording import (
    close,
    put_off,
    record,
    record_failure,
    record_refusal,
)
from flows.submission.tasks.sending import send

__all__ = [
    "REFUSALS",
    "SubmissionRefused",
    "check_token",
    "claim_attempt",
    "close",
    "confirm",
    "fetch_command",
    "look_up",
    "put_off",
    "record",
    "record_failure",
    "record_refusal",
    "refuse",
    "send",
    "settle_refused",
    "take_over",
]
