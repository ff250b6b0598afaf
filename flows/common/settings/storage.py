"""Settings of what is read from Rucio and from storage: payload logs and provenance."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings

from flows.common.settings.forms import AbsolutePath, BlockName, NameList, also, group

_AuthType = Annotated[
    str,
    Field(
        pattern="^(x509_proxy|userpass|token)$",
        description="How prodops authenticates: x509_proxy, userpass or token.",
    ),
]
_Account = Annotated[str, Field(max_length=25, description="Rucio account.")]
_Username = Annotated[str, Field(description="User name, for userpass.")]
_CaFile = Annotated[
    AbsolutePath | None,
    Field(description="CA certificates that the server's is checked against; unset: certifi's."),
]


class RucioSettings(BaseSettings):
    """A Rucio server, and the identity used there."""

    url: str | None = Field(None, description="Address of the Rucio server; unset: it is not used.")
    auth_type: _AuthType = "userpass"
    account: _Account = "eicread"
    vo: str | None = Field(None, max_length=25, description="Virtual organisation; unset: none.")
    proxy_file: AbsolutePath | None = Field(
        None, description="x509 proxy (mode 0600), for x509_proxy."
    )
    username: _Username = "eicread"
    password_file: AbsolutePath | None = Field(
        None, description="File (mode 0600) with the password, for userpass."
    )
    token_file: AbsolutePath | None = Field(
        None, description="File (mode 0600) with a token, for token."
    )
    ca_file: _CaFile = None
    timeout_seconds: float = Field(60.0, gt=0, description="How long one call to Rucio may take.")
    block: BlockName = Field(
        None,
        description="Prefect block (of type rucio-catalog) that holds all of these; empty or "
        "unset: these settings do.",
    )


class RucioLogsSettings(RucioSettings):
    """The Rucio of PanDA's logs (BNL)."""

    model_config = group("RUCIO_LOGS")

    url: str | None = Field(
        None,
        validation_alias=also("RUCIO_LOGS_URL", "RUCIO_URL"),
        description="Address of the Rucio server of PanDA's logs; unset: none.",
    )
    auth_type: _AuthType = "x509_proxy"
    account: _Account = Field("panda", validation_alias=also("RUCIO_LOGS_ACCOUNT", "RUCIO_ACCOUNT"))
    vo: str | None = Field(
        "eic",
        max_length=25,
        validation_alias=also("RUCIO_LOGS_VO", "RUCIO_VO"),
        description="Virtual organisation; empty: none is sent.",
    )
    proxy_file: AbsolutePath | None = Field(
        None,
        validation_alias=also("RUCIO_LOGS_PROXY_FILE", "X509_USER_PROXY"),
        description="x509 proxy (mode 0600), for Rucio and for the doors.",
    )
    ca_file: _CaFile = Field(
        None,
        validation_alias=also("RUCIO_LOGS_CA_FILE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"),
    )
    proxy_block: BlockName = Field(
        None,
        description="Prefect block (of type x509-proxy) that holds the proxy's path; empty or "
        "unset: PRODOPS_RUCIO_LOGS_PROXY_FILE does.",
    )


class RucioProducedSettings(RucioSettings):
    """The Rucio of produced data (JLab)."""

    model_config = group("RUCIO_PRODUCED")

    url: str | None = Field(
        None,
        validation_alias=also("RUCIO_PRODUCED_URL", "JLAB_RUCIO_URL"),
        description="Address of the Rucio server of produced data; unset: none.",
    )
    account: _Account = Field(
        "eicread", validation_alias=also("RUCIO_PRODUCED_ACCOUNT", "JLAB_RUCIO_ACCOUNT")
    )
    username: _Username = Field(
        "eicread", validation_alias=also("RUCIO_PRODUCED_USERNAME", "JLAB_RUCIO_USERNAME")
    )


class XrootdSettings(BaseSettings):
    """Reading from storage over XRootD; the defaults were measured on closed and stalled doors."""

    model_config = group("XROOTD")

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
        12.0, gt=0, description="Time without progress after which a copy is ended."
    )
    copy_seconds: float = Field(
        120.0,
        gt=0,
        validation_alias=also("XROOTD_COPY_SECONDS", "XRDCP_TIMEOUT"),
        description="How long one copy may take.",
    )
    ca_dir: AbsolutePath | None = Field(
        None, description="Directory of CA certificates of the doors; unset: the system's."
    )
    local_rses: NameList = Field(
        ("BNL-XRD",), description="Local RSEs, in order of preference (comma-separated)."
    )
    schemes: NameList = Field(
        ("root", "roots"), description="Schemes of replicas that are read (comma-separated)."
    )
    block: BlockName = Field(
        None,
        description="Prefect block (of type xrootd-storage) that holds all of these; empty or "
        "unset: these settings do.",
    )


class PayloadLogsSettings(BaseSettings):
    """Payload logs: limits of a fetch, and of the cache."""

    model_config = group("PAYLOAD_LOGS")

    timeout_seconds: float = Field(
        180.0,
        gt=0,
        validation_alias=also("PAYLOAD_LOGS_TIMEOUT_SECONDS", "EPICPROD_FETCH_TIMEOUT"),
        description="How long one fetch may take, with all its replicas.",
    )
    max_attempts: int = Field(
        3,
        ge=1,
        validation_alias=also("PAYLOAD_LOGS_MAX_ATTEMPTS", "EPICPROD_MAX_FETCH_ATTEMPTS"),
        description="Failed fetches of one log after which only ?force=1 tries again.",
    )
    limit: int = Field(6, ge=1, le=64, description="Most concurrent fetches, in all workers.")
    fetches_a_minute: int = Field(
        600, ge=1, description="Most fetches that are begun in a minute, in all workers."
    )
    members: NameList = Field(
        ("payload.stdout", "payload.stderr", "pilotlog.txt", "pandatracerlog.txt"),
        description="Base names of the members that are kept (comma-separated).",
    )
    max_archive_bytes: int = Field(
        1024**3, ge=1024, description="Largest log archive that is fetched."
    )
    max_member_bytes: int = Field(
        512 * 1024**2,
        ge=1024,
        description="Largest member that is kept; a larger one is a failure.",
    )
    max_total_bytes: int = Field(1024**3, ge=1024, description="Most that one log may unpack to.")
    max_members: int = Field(
        10_000, ge=1, description="Most entries that one archive may have, of any kind."
    )
    cache_days: float = Field(
        30.0, gt=0, description="Age of a fetch at which its log is deleted from the cache."
    )
    cache_bytes: int = Field(
        50 * 1024**3, ge=1024, description="Cache size above which the oldest logs are deleted."
    )


class ProvenanceSettings(BaseSettings):
    """Provenance: sweeps of Rucio, registration of inputs, reports."""

    model_config = group("PROVENANCE")

    scope: str = Field("epic", max_length=25, description="Rucio scope of produced data.")
    stages: NameList = Field(
        ("RECO", "FULL"), description="First segments of produced names (comma-separated)."
    )
    evgen_root: str = Field("/volatile/eic/EPIC/EVGEN", description="Prefix of requested paths.")
    threads: int = Field(4, ge=1, le=32, description="Most concurrent calls to Rucio in one sweep.")
    read_limit: int = Field(
        2, ge=1, le=64, description="Most concurrent readings of single DIDs, in all workers."
    )
    reads_a_minute: int = Field(
        60, ge=1, description="Most readings of single DIDs that are begun in a minute."
    )
    dids_per_call: int = Field(200, ge=1, le=1000, description="Most DIDs in one call.")
    timeout_seconds: float = Field(
        900.0,
        gt=0,
        validation_alias=also("PROVENANCE_TIMEOUT_SECONDS", "EPICPROD_RUCIO_SNAPSHOT_TIMEOUT"),
        description="How long one sweep or snapshot may take.",
    )
    stale_hours: float = Field(36.0, gt=0, description="Age at which a sweep is shown as stale.")
    evgen_rse: str | None = Field(
        None,
        description="RSE that event-generator files are registered at; unset: registering is "
        "refused.",
    )
    evgen_url: str | None = Field(
        None,
        description="root:// URL of the storage that holds the event-generator files; a file is at "
        "this with its name, /EVGEN/..., right behind it; unset: registering is refused.",
    )
    mail_block: str | None = Field(
        None, description="Name of the Prefect block that sends completion reports; unset: none."
    )
