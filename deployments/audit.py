"""`make audit`: whether advisories are known for what `uv.lock` pins, by pip-audit.

pip-audit comes from an environment of uv's that is made for it. It calls a package that its service
does not know no more than skipped, and its end then a success: where all are, nobody was asked.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

PIP_AUDIT: Final = "pip-audit==2.10.1"
SERVICES: Final = ("pypi", "osv")
"""Where it asks, the first that answers."""

_UV: Final = Path(sys.executable).with_name("uv")
_EXPORT: Final = (
    "export", "--frozen", "--quiet", "--all-extras", "--no-emit-project", "--no-hashes",
    "--no-annotate", "--no-header",
)  # fmt: skip
_ASKED: Final = (
    "--no-deps", "--disable-pip", "--format", "json", "--progress-spinner", "off",
    "--timeout", "10",
)  # fmt: skip

Audit = Callable[[str], "Answer"]


@dataclass(frozen=True)
class Answer:
    """What pip-audit said of a service's answers.

    Attributes:
        found: The packages, as pip-audit's JSON has them; empty where it came to no end.
        said: Its last line on standard error.
    """

    found: Sequence[dict[str, Any]]
    said: str

    @property
    def asked(self) -> list[dict[str, Any]]:
        """The packages of which the service knows."""
        return [each for each in self.found if "skip_reason" not in each]


def main() -> int:
    """Ask about the lock file of this directory; gives the exit code."""
    with tempfile.TemporaryDirectory() as directory:
        pinned = Path(directory, "requirements.txt")
        subprocess.run([_UV, *_EXPORT, "--output-file", pinned], check=True)
        code, lines = judge(lambda service: _audit(service, pinned))
    sys.stdout.writelines(f"{line}\n" for line in lines)
    return code


def judge(audit: Audit) -> tuple[int, list[str]]:
    """The exit code (1: something is vulnerable) and what is to be said.

    Args:
        audit: Has pip-audit ask a service.
    """
    refusals = []
    for service in SERVICES:
        answer = audit(service)
        if answer.asked:
            lines = [*_advisories(answer), *_unknown(answer)]
            is_vulnerable = any(each["vulns"] for each in answer.asked)
            said = f"{service} was asked about {len(answer.asked)} packages"
            return int(is_vulnerable), [*lines, said + ("" if is_vulnerable else ": no advisory")]
        refusals.append(f"{service} cannot be asked: {_why(answer)}")
    return 0, [*refusals, "whether a package is vulnerable is not known"]


def _advisories(answer: Answer) -> Iterator[str]:
    for each in answer.asked:
        for advisory in each["vulns"]:
            mended = ", ".join(advisory["fix_versions"]) or "no version"
            yield f"{each['name']} {each['version']}: {advisory['id']}, mended in {mended}"


def _unknown(answer: Answer) -> Iterator[str]:
    for each in answer.found:
        if reason := each.get("skip_reason"):
            yield f"{each['name']} was not looked at: {reason}"


def _why(answer: Answer) -> str:
    if answer.found:
        return f"it knows none of the {len(answer.found)} packages"
    return answer.said or "pip-audit said nothing"


def _audit(service: str, pinned: Path) -> Answer:
    command = (
        _UV, "tool", "run", "--from", PIP_AUDIT, "pip-audit", "--requirement", pinned,
        "--vulnerability-service", service, *_ASKED,
    )  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    said = done.stderr.strip().rpartition("\n")[2]
    try:
        return Answer(json.loads(done.stdout)["dependencies"], said)
    except ValueError:  # it broke, or could not be had
        return Answer((), said)


if __name__ == "__main__":
    sys.exit(main())
