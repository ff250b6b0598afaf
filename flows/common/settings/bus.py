"""Settings of the message bus: the broker, and what the bridge takes from it and brings to it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator
from pydantic_settings import BaseSettings

from flows.common.callers import Scope
from flows.common.settings.forms import BlockName, NameList, Port, ScopeList, also, group


def _explicit(value: str) -> str:
    if not value.startswith(("/queue/", "/topic/")) or len(value) <= len("/queue/"):
        raise ValueError("must begin with /queue/ or /topic/")
    return value


Destination = Annotated[str, AfterValidator(_explicit)]


class BusSettings(BaseSettings):
    """The message bus: ActiveMQ over STOMP. Without a host there is no bridge."""

    model_config = group("BUS")

    host: str | None = Field(
        None,
        validation_alias=also("BUS_HOST", "ACTIVEMQ_HOST"),
        description="Host of the broker; unset: there is no bus.",
    )
    port: Port = Field(
        61612,
        validation_alias=also("BUS_PORT", "ACTIVEMQ_PORT"),
        description="Its STOMP port.",
    )
    login_file: Path | None = Field(
        None, description="File (mode 0600) with user:password at the broker; unset: no login."
    )
    has_tls: bool = Field(
        False,
        validation_alias=also("BUS_HAS_TLS", "ACTIVEMQ_USE_SSL"),
        description="Whether the broker speaks TLS on that port.",
    )
    ca_file: Path | None = Field(
        None,
        validation_alias=also("BUS_CA_FILE", "ACTIVEMQ_SSL_CA_CERTS"),
        description="Certificates that the broker is verified with; unset: the system's.",
    )
    certificate_file: Path | None = Field(
        None,
        validation_alias=also("BUS_CERTIFICATE_FILE", "ACTIVEMQ_SSL_CERT_FILE"),
        description="Our certificate, where the broker wants one.",
    )
    key_file: Path | None = Field(
        None,
        validation_alias=also("BUS_KEY_FILE", "ACTIVEMQ_SSL_KEY_FILE"),
        description="The key of that certificate.",
    )
    heartbeat_seconds: float = Field(
        3.0,
        ge=0.1,
        description="How often each side says that it is there; a broker that is silent for 2.5 "
        "times as long is left.",
    )
    block: BlockName = Field(
        None,
        description="Prefect block (of type message-broker) that holds what is above; empty or "
        "unset: these settings do.",
    )
    client_id: str = Field(
        "prodops-bridge",
        min_length=1,
        max_length=100,
        pattern=r"^[A-Za-z0-9._\-]+$",
        description="Our client id at the broker, under which it keeps the topic's messages while "
        "no bridge is there. One for each database.",
    )
    namespace: str = Field(
        "prodops",
        max_length=100,
        description="Namespace of our queues: what is addressed to another is set aside.",
    )
    takes_actions: bool = Field(
        True, description="Whether requests for actions are taken from the queue."
    )
    ops_queue: Destination = Field(
        "/queue/epicprod.ops",
        validation_alias=also("BUS_OPS_QUEUE", "EPICPROD_OPS_QUEUE"),
        description="Queue of the requests for actions.",
    )
    others_queue: Destination | None = Field(
        None,
        description="Queue to which requests that prodops does not take go unchanged: that of the "
        "original agent, while both work side by side; unset: nothing is passed on.",
    )
    taken_requests: NameList | None = Field(
        None,
        description="Which requests prodops takes of the queue, by their `msg_type`, where it "
        "passes on the others; unset: all that it carries out; empty: none.",
    )
    scopes: ScopeList = Field(
        (Scope.MESSAGE, Scope.REQUEST, Scope.OPERATE),
        description="What may be asked for by the bus, in the name of whom a message names.",
    )
    allows_shutdown: bool = Field(
        False, description="Whether `shutdown` on that queue ends the stack, with exit code 100."
    )
    takes_messages: bool = Field(True, description="Whether messages are taken from the topic.")
    topic: Destination = Field(
        "/topic/epictopic",
        validation_alias=also("BUS_TOPIC", "ACTIVEMQ_HEARTBEAT_TOPIC"),
        description="Topic of the testbed's messages and of the completion events.",
    )
    publishes: bool = Field(True, description="Whether events are published to the topic.")
    is_runner: bool = Field(
        False, description="Whether prodops runs the workflows that are asked for by the bus."
    )
    workflow_queue: Destination = Field(
        "/queue/workflow_control", description="Queue of the requests for workflows."
    )
    message_bytes: int = Field(
        1 << 20, ge=1024, description="Size of a message above which it is set aside."
    )
    seen_days: float = Field(
        7.0, gt=0, description="How long a message is remembered, so that it is not taken twice."
    )
    seen_rows: int = Field(
        10_000_000,
        ge=10_000,
        description="Newest messages that are remembered, whatever their age.",
    )
    set_aside_days: float = Field(
        90.0, gt=0, description="Age at which messages that were set aside and settled are deleted."
    )

    @model_validator(mode="after")
    def _passes_on_to_another(self) -> Self:
        if self.others_queue is None:
            if self.taken_requests is not None:
                raise ValueError(
                    "PRODOPS_BUS_TAKEN_REQUESTS needs PRODOPS_BUS_OTHERS_QUEUE, where the others go"
                )
        elif self.others_queue in {self.ops_queue, self.workflow_queue}:
            raise ValueError(
                f"PRODOPS_BUS_OTHERS_QUEUE is {self.others_queue}, which prodops itself takes from "
                "(EPICPROD_OPS_QUEUE names that queue too: set PRODOPS_BUS_OPS_QUEUE)"
            )
        elif self.others_queue.startswith("/topic/"):
            raise ValueError("PRODOPS_BUS_OTHERS_QUEUE must be a queue: a topic keeps nothing")
        return self

    @property
    def is_used(self) -> bool:
        """Whether there is a bus, and something to do on it."""
        uses = (self.takes_actions, self.takes_messages, self.publishes, self.is_runner)
        return (self.host is not None or self.block is not None) and any(uses)
