"""The record of an installation: what it was told, and what it made."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deployments.install import files
from deployments.install.options import Options
from deployments.install.owners import current
from flows.common.settings import BadSetting

_MODE = 0o644


@dataclass
class Manifest:
    """What was made, in order, and the digest of each settings file as we last offered it.

    Attributes:
        path: The file that keeps it.
        options: What the installation was told.
        version: The version that made it last.
        made: Keys of the steps that were begun; what was there before is not among them.
        offered: Digest of each settings file's content as this installation last wrote it.
    """

    path: Path
    options: Options
    version: str = ""
    made: list[str] = field(default_factory=list)
    offered: dict[str, str] = field(default_factory=dict)

    def note(self, key: str) -> None:
        """Note that a step is begun, before anything of it is there."""
        if key not in self.made:
            self.made.append(key)
            self.save()

    def forget(self, key: str) -> None:
        """Note that what a step made is gone."""
        self.made.remove(key)
        self.save()

    def save(self) -> None:
        """Write the record, whole or not at all."""
        kept = {
            "version": self.version,
            "options": self.options.as_json(),
            "made": self.made,
            "offered": self.offered,
        }
        files.write(self.path, json.dumps(kept, indent=1) + "\n", current(), _MODE)


def read(path: Path) -> Manifest | None:
    """The record in a file; None where there is none.

    Raises:
        BadSetting: It cannot be read.
    """
    try:
        kept: dict[str, Any] = json.loads(path.read_text())
        options = Options.from_json(kept["options"])
        return Manifest(path, options, kept["version"], kept["made"], kept["offered"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadSetting(f"{path}: the installation's record cannot be read: {error}") from error
