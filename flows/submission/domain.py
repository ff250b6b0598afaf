"""What prun's command and prun's answer mean. Pure.

Sources: ops contract section 2.7 (the command); panda-client 2.2.0 as measured against a real
panda-server (the answers).
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from blocks.errors import ProdOpsError
from blocks.panda_server import PandaTask

# ------------------------------------------------------------------ the command

_NAME: Final = r"[A-Za-z0-9][A-Za-z0-9._+-]*"
_FORMS: Final = {
    "--outDS": rf"{_NAME}",
    "--containerImage": r"[A-Za-z0-9/][A-Za-z0-9._:/@+-]*",
    "--site": _NAME,
    "--excludedSite": rf"{_NAME}(,{_NAME})*",
    "--workingGroup": _NAME,
    "--prodSourceLabel": _NAME,
    "--vo": _NAME,
    "--processingType": _NAME,
    "--architecture": r"[A-Za-z0-9][A-Za-z0-9._@#&+-]*",
    "--outputs": r"[A-Za-z0-9][A-Za-z0-9._:,*/+-]*",
    "--nJobs": r"[0-9]{1,9}",
    "--nEvents": r"[0-9]{1,12}",
    "--nEventsPerJob": r"[0-9]{1,12}",
    "--nFilesPerJob": r"[0-9]{1,9}",
    "--nCore": r"[0-9]{1,4}",
    "--maxAttempt": r"[0-9]{1,4}",
    "--maxWalltime": r"[0-9]{1,6}",
    "--priority": r"[0-9]{1,6}",
}
_FREE: Final = frozenset({"--exec"})
_FLAGS: Final = frozenset(
    {"--official", "--noBuild", "--expertOnly_skipScout", "--disableAutoRetry", "--noEmail"}
)
_REFUSED: Final = {
    "--allowTaskDuplication": "it would let PanDA take the same task twice",
    "--resourceType": "prun 2.2.0 does not know it; take panda_resource_type out of the config",
}
_MAX_NAME: Final = 131
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


class CommandRefused(ProdOpsError):
    """The text is not a prun command that may be run."""


@dataclass(frozen=True)
class PrunCommand:
    """A prun command as an argument vector, without the program."""

    arguments: tuple[str, ...]

    @property
    def name(self) -> str:
        """The task's name at PanDA, without the slash that prun appends."""
        return self.arguments[self.arguments.index("--outDS") + 1]

    @property
    def is_official(self) -> bool:
        """Whether the task is the collaboration's, not a user's."""
        return "--official" in self.arguments


def parse_command(text: str) -> PrunCommand:
    r"""The command that PCS composed: `prun`, then options, a ``\`` before each line's end.

    Raises:
        CommandRefused: It is anything else, or an option is unknown or not of its form.
    """
    words = _words(text)
    if not words or words[0] != "prun":
        raise CommandRefused(f"the command does not start with prun but with {_shown(text)}")
    arguments = words[1:]
    options = list(_options(arguments))
    for name in {name for name in options if options.count(name) > 1}:
        raise CommandRefused(f"{name} stands there more than once")
    for name in ("--outDS", "--exec"):
        if name not in options:
            raise CommandRefused(f"{name} is missing")
    command = PrunCommand(tuple(arguments))
    if len(command.name) > _MAX_NAME:
        raise CommandRefused(f"--outDS is longer than {_MAX_NAME} characters: {command.name}")
    return command


def _words(text: str) -> list[str]:
    words: list[str] = []
    for line in text.strip().replace("\\\r\n", "\\\n").split("\\\n"):
        try:
            words += shlex.split(line)
        except ValueError as error:
            raise CommandRefused(f"{_shown(line.strip())}: {error}") from None
        if "\n" in line.strip():
            raise CommandRefused(f"{_shown(line.strip())} goes on in a line of its own")
    return words


def _options(arguments: list[str]) -> list[str]:
    names = []
    rest = iter(arguments)
    for name in rest:
        names.append(name)
        if name in _FLAGS:
            continue
        if name in _REFUSED:
            raise CommandRefused(f"{name} is refused: {_REFUSED[name]}")
        if name not in _FORMS and name not in _FREE:
            raise CommandRefused(f"prun option {_shown(name)} is not known here")
        value = next(rest, None)
        if value is None:
            raise CommandRefused(f"{name} has no value")
        _check(name, value)
    return names


def _check(name: str, value: str) -> None:
    if _CONTROL.search(value) or not value.strip():
        raise CommandRefused(f"{name} is empty or has control characters: {_shown(value)}")
    if name in _FORMS and not re.fullmatch(_FORMS[name], value):
        raise CommandRefused(f"{name} is not of its form: {_shown(value)}")
    if name in _FREE and value.startswith("-"):
        raise CommandRefused(f"{name} may not start with a dash: {_shown(value)}")


def _shown(text: str) -> str:
    return repr(text if len(text) <= 80 else text[:77] + "...")  # noqa: PLR2004 - one line


def sandbox_files(dump: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of the files that the effective configuration wants in the sandbox.

    Args:
        dump: PCS's `fmt=dump` of the task; the names are in `effective_config.data.files`.

    Raises:
        CommandRefused: A name is not one of a file.
    """
    data = (dump.get("effective_config") or {}).get("data") or {}
    names = data.get("files") or []
    if not isinstance(names, list):
        raise CommandRefused(f"data.files is not a list: {_shown(str(names))}")
    for name in names:
        if not isinstance(name, str) or not re.fullmatch(_NAME, name):
            raise CommandRefused(f"data.files holds {_shown(str(name))}, which is no file name")
    return tuple(dict.fromkeys(names))


# ------------------------------------------------------------------ the answer


class Verdict(StrEnum):
    """What a run of prun did."""

    CREATED = "created"
    EXISTS = "exists"
    REJECTED = "rejected"
    REACTIVATED = "reactivated"
    NOT_SENT = "not_sent"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Outcome:
    """What a run of prun did, and why that is known.

    Attributes:
        jedi_task_id: The task that PanDA named (CREATED, EXISTS, REACTIVATED).
        is_outage: Whether nothing was sent because PanDA did not answer: it may be tried again.
        is_sure: Whether a refusal was said as one; prun takes some for a success without an id.
    """

    verdict: Verdict
    reason: str
    jedi_task_id: int | None = None
    is_outage: bool = False
    is_sure: bool = True


_LOGGED: Final = re.compile(r"^(?:\S+ )*(INFO|ERROR|WARNING) +: (.*)$")
_ANSWERS: Final = (
    (Verdict.CREATED, "INFO", re.compile(r"succeeded\. new jediTaskID=(\d+)")),
    (Verdict.REACTIVATED, "INFO", re.compile(r"reactivation accepted\. jediTaskID=(\d+)")),
    (
        Verdict.EXISTS,
        "ERROR",
        re.compile(
            r"task submission failed\. .*?jediTaskID=(\d+) is (?:already queued|in the \w+ state)"
        ),
    ),
)
_FAILED: Final = re.compile(r"task submission failed\. (.*)", re.DOTALL)
_NO_ANSWER: Final = re.compile(r"task submission failed with ")
_UPLOAD: Final = re.compile(r"failed to upload sandbox with (\d+)")
_UPLOAD_OUTAGES: Final = frozenset({"255", "500", "502", "503", "504", "0"})
_RC_BROKEN_OFF: Final = frozenset({1, 128 + 9, 128 + 15})  # a traceback, or its shell was killed


def classify(returncode: int | None, output: str, *, is_timed_out: bool = False) -> Outcome:
    """What prun did, by its exit code and what it printed.

    Args:
        returncode: Exit code; None where it was killed.
        output: What it printed, both streams.
        is_timed_out: Whether it was killed for taking too long.
    """
    lines = output.splitlines()
    sent = [number for number, line in enumerate(lines) if _is_submit_line(line)]
    if not sent:
        return _unsent(returncode, lines, is_timed_out=is_timed_out)
    after = _messages(lines[sent[-1] + 1 :])
    for verdict, level, form in _ANSWERS:
        for found_level, text in after:
            if found_level == level and (found := form.search(text)):
                return Outcome(verdict, text, jedi_task_id=int(found[1]))
    return _answered_otherwise(returncode, after, lines, is_timed_out=is_timed_out)


def _answered_otherwise(
    returncode: int | None,
    after: list[tuple[str, str]],
    lines: list[str],
    *,
    is_timed_out: bool,
) -> Outcome:
    if is_timed_out or returncode is None:
        return Outcome(Verdict.UNKNOWN, "prun was killed while it waited for PanDA's answer")
    for level, text in after:
        if level == "ERROR" and (found := _FAILED.search(text)):
            return Outcome(Verdict.REJECTED, found[1].strip() or "PanDA gave no reason")
    told = [text for _, text in after]
    if returncode == 0 and told and not told[-1].startswith("succeeded"):
        return Outcome(Verdict.REJECTED, told[-1], is_sure=False)
    reason = told[-1] if told else _last(lines)
    before = [text for level, text in after if level == "ERROR" and not _NO_ANSWER.search(text)]
    detail = f" ({before[-1]})" if before and before[-1] != reason else ""
    return Outcome(Verdict.UNKNOWN, f"prun ended with {returncode}: {reason}{detail}")


def _unsent(returncode: int | None, lines: list[str], *, is_timed_out: bool) -> Outcome:
    if is_timed_out:
        return Outcome(Verdict.NOT_SENT, "prun was killed before it sent anything", is_outage=True)
    found = _UPLOAD.search("\n".join(lines))
    is_outage = bool(found and found[1] in _UPLOAD_OUTAGES) or _is_broken_off(returncode)
    texts = [text for level, text in _messages(lines) if level == "ERROR"]
    reason = "; ".join(texts[-2:]) or _last(lines)
    return Outcome(Verdict.NOT_SENT, f"prun ended with {returncode}: {reason}", is_outage=is_outage)


def _is_broken_off(returncode: int | None) -> bool:
    """Whether prun was killed, or met an answer that it could not read, before it sent."""
    return returncode is None or returncode < 0 or returncode in _RC_BROKEN_OFF


def _is_submit_line(line: str) -> bool:
    found = _LOGGED.match(line)
    return bool(found and found[1] == "INFO" and found[2].startswith("submit "))


def _messages(lines: list[str]) -> list[tuple[str, str]]:
    found = (_LOGGED.match(line) for line in lines)
    return [(each[1], each[2]) for each in found if each]


def _last(lines: list[str]) -> str:
    return next((line.strip() for line in reversed(lines) if line.strip()), "it printed nothing")


# ------------------------------------------------------------------ the tasks of a name


def survivor(named: Sequence[PandaTask]) -> int | None:
    """The one task that bears the name; None where there is none, or several may still live.

    JEDI ends the second of two tasks that one name got (it says of which it is a duplicate).
    """
    bearers = [each for each in named if each.survivor_id is None]
    if len(bearers) > 1:
        bearers = [each for each in bearers if each.is_live]
    return bearers[0].id if len(bearers) == 1 else None


def reactivation_alarm(name: str, outcome: Outcome) -> str:
    """What an operator must know where PanDA ran an ended task again."""
    return (
        f"ALARM: PanDA runs the ended task {outcome.jedi_task_id} of the name {name} again "
        f"({outcome.reason}); nothing new was submitted. Kill that task unless it shall run, then "
        "submit a new attempt"
    )
