"""Forms of what may be requested of workflows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Annotated, Final, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    ValidationInfo,
    field_validator,
    model_validator,
)

from blocks.errors import ProdOpsError
from flows.workflows import configurations
from flows.workflows.domain import configuration
from flows.workflows.domain.configuration import Configuration, Override
from flows.workflows.domain.parameters import DAQ

_MOST_OVERRIDES: Final = 100
_LONGEST_SECONDS: Final = 7 * 86400
_OWN: Final = ("stf_count", "physics_period_count", "physics_period_duration", "stf_interval")
_DURATION: Final = "physics_period_duration"

Namespace = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[!-~]([ -~]*[!-~])?$")]


class WorkflowName(StrEnum):
    """The workflows that there are."""

    STF_DATATAKING = "stf_datataking"


class ParameterOverride(BaseModel):
    """A value that replaces a configured one."""

    model_config = ConfigDict(extra="forbid")

    section: str = Field(max_length=100, description="Section of the configuration.")
    key: str = Field(max_length=100, description="Key in that section.")
    value: StrictBool | StrictInt | StrictFloat | Annotated[StrictStr, Field(max_length=1000)] = (
        Field(description="The value that it gets.")
    )
    source: str = Field(
        "overrides", max_length=200, description="Where it comes from; recorded with the value."
    )


class RunWorkflow(BaseModel):
    """Which workflow, in which namespace, by which configuration."""

    model_config = ConfigDict(extra="forbid")

    workflow: WorkflowName = Field(WorkflowName.STF_DATATAKING, description="Name of the workflow.")
    namespace: Namespace = Field(description="Namespace of the messages of its run.")
    config: str = Field(
        "fast_processing_default",
        max_length=100,
        description="Name of the configuration, with or without `_default`.",
        json_schema_extra={"enum": [*configurations.choices()]},
    )
    stf_count: int | None = Field(
        None, ge=0, le=1_000_000, description="STFs of each physics period; 0: by its duration."
    )
    physics_period_count: int | None = Field(
        None, ge=0, le=1_000_000, description="Physics periods; 0: without end."
    )
    physics_period_duration: float | None = Field(
        None,
        ge=0,
        le=_LONGEST_SECONDS,
        description="Seconds of each physics period; counts instead of a configured STF count.",
    )
    stf_interval: float | None = Field(
        None, ge=0, le=86400, description="Seconds between two STFs; unset: as configured."
    )
    duration_seconds: float = Field(
        0,
        ge=0,
        le=_LONGEST_SECONDS,
        description="When the workflow is ended, with its end_run; 0: when it has done all.",
    )
    realtime: bool = Field(True, description="In its own time; else as fast as it can.")
    seed: int = Field(
        0, ge=0, le=2**31 - 1, description="Seed of what is drawn, as stf_interval_spread does."
    )
    overrides: list[ParameterOverride] = Field(
        [], max_length=_MOST_OVERRIDES, description="Values that replace configured ones."
    )

    @field_validator("config")
    @classmethod
    def _is_known(cls, name: str) -> str:
        with _as_value_error():
            return configurations.load(name).name

    @field_validator("overrides")
    @classmethod
    def _are_read(
        cls, overrides: list[ParameterOverride], info: ValidationInfo
    ) -> list[ParameterOverride]:
        if (name := info.data.get("config")) is not None:
            with _as_value_error():
                configuration.overridden(configurations.load(name), _as_overrides(overrides))
        return overrides

    @model_validator(mode="after")
    def _ends(self) -> Self:
        with _as_value_error():
            is_endless = self.configured().daq().is_endless
        if is_endless and not (self.realtime or self.duration_seconds):
            raise ValueError("endless physics periods need realtime, or a duration_seconds")
        return self

    def configured(self) -> Configuration:
        """The configuration, with all that the request overrides of it.

        Raises:
            BadConfiguration: It cannot be used.
        """
        overrides = [*_as_overrides(self.overrides), *self._own_overrides()]
        keys = {each.key for each in overrides}
        if _DURATION in keys and "stf_count" not in keys:
            given = f"{_DURATION} is given"
            overrides.append(Override(section=DAQ, key="stf_count", value=0, source=given))
        return configuration.overridden(configurations.load(self.config), overrides)

    def _own_overrides(self) -> Iterator[Override]:
        for key in _OWN:
            if (value := getattr(self, key)) is not None:
                yield Override(section=DAQ, key=key, value=value, source="request")


class StopWorkflow(BaseModel):
    """Which execution; or all that run in a namespace."""

    model_config = ConfigDict(extra="forbid")

    execution_id: str | None = Field(
        None,
        min_length=1,
        max_length=100,
        description="Id of the execution to stop; unset: all of a namespace.",
    )
    namespace: Namespace | None = Field(
        None, description="Namespace, all of whose executions are stopped."
    )

    @model_validator(mode="after")
    def _names_one(self) -> Self:
        if (self.execution_id is None) == (self.namespace is None):
            raise ValueError("name an execution_id or a namespace, and not both")
        return self

    @property
    def what(self) -> str:
        """What is stopped, in words."""
        if self.execution_id is not None:
            return f"as execution {self.execution_id!r}"
        return f"in namespace {self.namespace!r}"


@contextmanager
def _as_value_error() -> Iterator[None]:
    """Give what is wrong with a configuration as what is wrong with the form's field."""
    try:
        yield
    except ProdOpsError as error:
        raise ValueError(str(error)) from None


def _as_overrides(given: list[ParameterOverride]) -> list[Override]:
    return [Override(**each.model_dump()) for each in given]
