"""The steps of a Containerfile, carried out in directories that stand for its images' roots."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

# bash stays, as the first process of its own PID namespace: it reaps orphans, as an init does.
_ENTER = 'mount -t proc proc "$1/proc" && chroot --userspec="$2" --groups= "$1" "${@:3}"; exit $?'
_STEP_SECONDS = 1500


def steps(text: str) -> Iterator[tuple[str, str]]:
    """Each instruction with its arguments; comments are left out."""
    for line in text.replace("\\\n", " ").splitlines():
        if line.strip() and not line.startswith("#"):
            instruction, _, arguments = line.partition(" ")
            yield instruction, arguments.strip()


@dataclass
class Image:
    """What one stage makes."""

    root: Path
    environment: dict[str, str] = field(default_factory=dict)
    user: str = "0:0"
    directory: str = "/"
    command: str = ""

    def run(self, *command: str, given: Mapping[str, str] | None = None) -> str:
        """What a command prints in it, which must succeed."""
        variables = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **self.environment, **(given or {})}
        pairs = [f"{name}={value}" for name, value in variables.items()]
        inside = ["env", "-i", f"--chdir={self.directory}", *pairs, *command]
        done = subprocess.run(
            ["unshare", "--mount", "--pid", "--fork", "--kill-child", "bash", "-c", _ENTER, "enter",
             str(self.root), self.user, *inside],
            capture_output=True, text=True, timeout=_STEP_SECONDS, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{command}: {done.stdout[-3000:]}{done.stderr[-3000:]}"
        return done.stdout


@dataclass
class Builder:
    """Builds the stages of a Containerfile.

    Attributes:
        base: The root that every base image stands for.
        context: The directory that is built from.
        place: Where the roots are made.
        given: The environment of its RUN steps besides: how registries are reached.
    """

    base: Path
    context: Path
    place: Path
    given: Mapping[str, str]

    def build(self, text: str) -> Image:
        """The image of the last stage."""
        stages: dict[str, Image] = {}
        image = Image(self.base)
        for instruction, arguments in steps(text):
            match instruction:
                case "FROM":
                    name = (*arguments.split(" AS "), "")[1] or f"stage{len(stages)}"
                    image = stages[name] = Image(self._fresh(name))
                case "RUN":
                    image.run("sh", "-c", arguments, given=self.given)
                case "COPY":
                    self._copy(image, arguments.split(), stages)
                case "ENV":
                    image.environment |= dict(pair.split("=", 1) for pair in shlex.split(arguments))
                case "WORKDIR":
                    (image.root / arguments.lstrip("/")).mkdir(parents=True, exist_ok=True)
                    image.directory = arguments
                case "USER":
                    image.user = arguments
                case "CMD":
                    image.command = arguments
                case _:
                    raise AssertionError(f"{instruction} is not understood here")
        return image

    def _fresh(self, name: str) -> Path:
        root = self.place / name
        subprocess.run(["cp", "-a", str(self.base), str(root)], check=True)
        return root

    def _copy(self, image: Image, words: list[str], stages: Mapping[str, Image]) -> None:
        source = self.context
        if words[0].startswith("--from="):
            source = stages[words.pop(0).removeprefix("--from=")].root
        *names, into = words
        target = image.root / image.directory.lstrip("/") / into.lstrip("/")
        if into.startswith("/"):
            target = image.root / into.lstrip("/")
        for name in names:
            found = source / name.lstrip("/")
            if found.is_dir():
                shutil.copytree(found, target, symlinks=True, dirs_exist_ok=True)
            else:
                shutil.copy2(found, target / found.name if target.is_dir() else target)
