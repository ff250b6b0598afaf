"""What prun's command, prun's answer and PanDA's tasks mean. Pure."""

from flows.submission.domain.bearers import survivor
from flows.submission.domain.command import (
    CommandRefused,
    PrunCommand,
    parse_command,
    sandbox_files,
)
from flows.submission.domain.verdict import Outcome, Verdict, classify, reactivation_alarm

__all__ = [
    "CommandRefused",
    "Outcome",
    "PrunCommand",
    "Verdict",
    "classify",
    "parse_command",
    "reactivation_alarm",
    "sandbox_files",
    "survivor",
]
