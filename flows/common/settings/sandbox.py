"""Settings of the sandbox: doubles of the outside."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings

from flows.common.settings.forms import Port, group


class SandboxSettings(BaseSettings):
    """The sandbox: stand-ins for the external services, for trials and tests."""

    model_config = group("SANDBOX")

    panda: bool = Field(
        False, description="Whether the stack runs the PanDA of the sandbox, and submits to it."
    )
    panda_port: Port = Field(25443, description="Port of the PanDA of the sandbox, on loopback.")
    panda_refine_seconds: float = Field(
        1.0, ge=0, description="How long a task of the sandbox's PanDA waits to be refined."
    )
    grid: bool = Field(
        False,
        description="Whether the stack runs the sandbox's Rucio and XRootD doors, and uses them.",
    )
    rucio_port: Port = Field(25444, description="Port of the sandbox's Rucio, on loopback.")
    door_port: Port = Field(
        25094, description="Port of the sandbox's door that requires an x509 proxy."
    )
    door_open_port: Port = Field(
        25095, description="Port of the sandbox's door without authentication."
    )
    file_doors: bool = Field(
        False,
        description="Whether the sandbox's doors are plain files even if XRootD's server is "
        "installed.",
    )
    gateway_port: Port = Field(
        25080, description="Port of the sandbox's external proxy, on loopback."
    )
    panda_token_seconds: float = Field(
        86_400.0, gt=0, description="How long a token of the sandbox's PanDA is valid."
    )
    broker: bool = Field(
        False, description="Whether the stack runs the sandbox's message broker, an ActiveMQ."
    )
    broker_port: Port = Field(
        61613, description="Port of the sandbox's message broker for STOMP, on loopback."
    )
    broker_tls_port: Port = Field(
        61614, description="Port of the sandbox's message broker for STOMP with TLS, on loopback."
    )
