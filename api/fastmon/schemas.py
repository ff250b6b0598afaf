"""What the REST collections of runs, STF files and TF files have in common on the wire."""

from __future__ import annotations

from typing import Annotated, Final

from api.http.fields import choice
from flows.fastmon.models import FileStatus

Status = Annotated[FileStatus, *choice(FileStatus)]
REMOVAL: Final = "Files below it go too. 409 where the sampler made one: nothing is deleted then."
CONFLICT: Final = "The sampler made it, or a file below it."
