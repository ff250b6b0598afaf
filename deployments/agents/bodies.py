"""What agents read of messages: tolerant of the peers' older forms, strict about what is used."""

from __future__ import annotations

import re
from typing import Any, TypeVar

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError

from blocks.errors import Invalid

_Form = TypeVar("_Form", bound="RunMessage")


class RunMessage(BaseModel):
    """A message of a run; its number may come as text or as an integer."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    run_id: str | int
    execution_id: str | None = None
    state: str | None = None
    substate: str | None = None
    simulation_tick: float | None = None

    @property
    def run_number(self) -> int:
        """The run as an integer.

        Raises:
            Invalid: It is none.
        """
        if not re.fullmatch(r"[0-9]{1,10}", str(self.run_id)):
            raise Invalid({"run_id": [f"{self.run_id!r} is no run number"]})
        return int(self.run_id)


class StfMessage(RunMessage):
    """`stf_gen` and `stf_ready`: an STF, with what is known of it."""

    filename: str = Field(min_length=1, max_length=255)
    sequence: int | None = None
    file_url: str | None = None
    checksum: str | None = None
    size_bytes: int | None = Field(None, ge=0, validation_alias=AliasChoices("size_bytes", "size"))
    tf_count: int | None = Field(None, ge=1, validation_alias=AliasChoices("tf_count", "total_tfs"))
    start: str | None = None
    end: str | None = None


class TfMessage(RunMessage):
    """`tf_file_registered`: a TF file. The original's message has `run_number` alone."""

    run_id: str | int = Field(validation_alias=AliasChoices("run_id", "run_number"))
    tf_filename: str = Field(min_length=1, max_length=255)
    stf_filename: str | None = None
    tf_first: int | None = Field(None, ge=0)
    tf_last: int | None = Field(None, ge=0)
    tf_count: int | None = Field(None, ge=0)


class WorkerResult(BaseModel):
    """What a worker says of a slice that it had."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    tf_filename: str = Field(pattern=r"^.+_slice_[0-9]{1,9}\.tf$")
    state: str
    hostname: str = ""

    @property
    def tf_file(self) -> str:
        """Name of the TF file that the slice is of."""
        return self.tf_filename.rpartition("_slice_")[0] + ".tf"

    @property
    def slice_id(self) -> int:
        """The slice's number."""
        return int(self.tf_filename.removesuffix(".tf").rpartition("_")[2])


class SliceResult(RunMessage):
    """`slice_result`."""

    content: WorkerResult


def read(form: type[_Form], body: dict[str, Any]) -> _Form:
    """The message in its form.

    Raises:
        Invalid: It is not of it.
    """
    try:
        return form.model_validate(body)
    except ValidationError as error:
        fields: dict[str, list[str]] = {}
        for item in error.errors():
            fields.setdefault(str(item["loc"][0]), []).append(item["msg"])
        raise Invalid(fields, of=str(body.get("msg_type"))) from None
