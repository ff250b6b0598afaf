"""The prun command that PCS composed, as an argument vector that may be run. Pure.

Source: ops contract section 2.7.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from blocks.errors import Refused
from flows.submission.domain import prun_rules

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
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


class CommandRefused(Refused):
    """The text is not a prun command that may be run."""


@dataclass(frozen=True)
class PrunCommand:
    """A prun command as an argument vector, without the program."""

    arguments: tuple[str, ...]

    @property
    def name(self) -> str:
        """The task's name at PanDA, without the slash that prun appends."""
        return self.value("--outDS")

    @property
    def is_official(self) -> bool:
        """Whether the task is the collaboration's, not a user's."""
        return "--official" in self.arguments

    def value(self, option: str) -> str:
        """An option's value; empty where the option is not there."""
        if option not in self.arguments:
            return ""
        return self.arguments[self.arguments.index(option) + 1]


def parse(text: str) -> PrunCommand:
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
    refusals = prun_rules.objections(
        command.name,
        outputs=command.value("--outputs"),
        cores=command.value("--nCore"),
        command=command.value("--exec"),
    )
    for why in refusals:
        raise CommandRefused(why)
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
