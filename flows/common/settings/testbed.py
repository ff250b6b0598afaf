"""Settings of the testbed: its workflows, our own agents, and what runs the agents of a user."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pydantic import Field
from pydantic_settings import BaseSettings

from blocks.paths import absolute
from flows.common.settings.forms import AbsolutePath, BadSetting, also, group

_STATE_DIR: Final = Path("~/.local/state/prodops-testbed")


class WorkflowsSettings(BaseSettings):
    """Workflows that play the data acquisition."""

    model_config = group("WORKFLOWS")

    at_a_time: int = Field(
        4, ge=1, description="Most workflows that run at a time, in all workers."
    )


class AgentSettings(BaseSettings):
    """Our own agents of the testbed: `prodops agent`."""

    model_config = group("AGENT")

    namespace: str = Field(
        "",
        max_length=100,
        description="Namespace whose messages agents act on; empty: all, as their own is none.",
    )
    heartbeat_seconds: float = Field(
        60.0, gt=0, le=150, description="Interval of an agent's heartbeats."
    )
    start_seconds: float = Field(
        600.0, gt=0, description="How long an agent that starts waits for the monitor."
    )
    drain_seconds: float = Field(
        15.0, ge=0, description="How long an agent that stops waits for the work under way."
    )
    workers: int = Field(
        4,
        ge=1,
        le=64,
        validation_alias=also("AGENT_WORKERS", "SWF_AGENT_MAX_WORKERS"),
        description="Threads for an agent's work in the background.",
    )
    late_seconds: float = Field(
        600.0, ge=0, description="How long after the end of a run its late data are waited for."
    )
    stf_size_bytes: int = Field(
        2 * 1024**3, ge=1, description="Size of an STF whose message does not say it."
    )
    tf_count_per_stf: int = Field(
        1000, ge=1, description="TFs in an STF whose message does not say it."
    )


class TestbedSettings(BaseSettings):
    """The testbed of a user: the `testbed` command."""

    model_config = group("TESTBED")

    config: AbsolutePath | None = Field(
        None,
        validation_alias=also("TESTBED_CONFIG", "SWF_TESTBED_CONFIG"),
        description="The testbed's configuration; unset: `testbed.toml` in the current directory, "
        "else the one that is in use.",
    )
    state_dir: AbsolutePath | None = Field(
        None,
        description="Directory of the agents' supervisor: its socket, and the agents' logs; unset: "
        "`~/.local/state/prodops-testbed`.",
    )
    user: str | None = Field(
        None,
        max_length=85,
        pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.@+\-]*$",
        description="Whose testbed it is at the monitor; unset: the operating system's user. The "
        "token must be this user's, or of the scope `operate`.",
    )
    ready_seconds: float = Field(
        60.0, gt=0, description="How long `testbed run` waits for its agents to be ready."
    )
    stop_seconds: float = Field(
        30.0, gt=0, description="How long an agent may take to stop before it is killed."
    )
    heartbeat_seconds: float = Field(
        30.0, gt=0, le=90, description="Interval of the controller's heartbeats."
    )

    @property
    def directory(self) -> Path:
        """The directory of the agents' supervisor.

        Raises:
            BadSetting: It is unset, and this user has no home.
        """
        try:
            return self.state_dir or absolute(_STATE_DIR)
        except ValueError as error:
            raise BadSetting(f"setting PRODOPS_TESTBED_STATE_DIR is unset: {error}") from None
