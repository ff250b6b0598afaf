"""Settings of submission: PCS, PanDA, and how long they may take."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings

from flows.common.settings.forms import AbsolutePath, BlockName, NameList, also, group


class PcsSettings(BaseSettings):
    """The Production Configuration System: the embedded one, or another that flows use."""

    model_config = group("PCS")

    url: str | None = Field(
        None,
        description="Address of the PCS that flows use, up to its /pcs/api; unset: the stack's own "
        "API.",
    )
    token_file: Path | None = Field(
        None,
        description="File (mode 0600) with the token that flows send to PCS; the embedded stack "
        "makes one.",
    )
    timeout_seconds: float = Field(30.0, gt=0, description="How long a call to PCS may take.")
    block: BlockName = Field(
        None,
        description="Prefect block (of type pcs-service) that holds url, token_file and "
        "timeout_seconds; empty or unset: these settings do.",
    )
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

    @field_validator("panda_monitor_url")
    @classmethod
    def _template(cls, value: str | None) -> str | None:
        if value and "{id}" not in value:
            raise ValueError("must hold {id}")
        return value


class PandaSettings(BaseSettings):
    """The PanDA server, and the identity used there."""

    model_config = group("PANDA")

    url_ssl: str | None = Field(
        None,
        validation_alias=also("PANDA_URL_SSL", "PANDA_URL_SSL"),
        description="PanDA server, as prun's PANDA_URL_SSL; its path part is ignored.",
    )
    url: str | None = Field(
        None,
        validation_alias=also("PANDA_URL", "PANDA_URL"),
        description="PanDA server without TLS, as prun's PANDA_URL; unset: as PANDA_URL_SSL.",
    )
    cache_url: str | None = Field(
        None,
        validation_alias=also("PANDA_CACHE_URL", "PANDACACHE_URL"),
        description="Cache server, as prun's PANDACACHE_URL; unset: as PANDA_URL_SSL.",
    )
    auth_vo: str = Field(
        "EIC.production",
        validation_alias=also("PANDA_AUTH_VO", "PANDA_AUTH_VO", "OIDC_AUTH_VO"),
        description="Virtual organisation and role that the token is used for.",
    )
    config_root: AbsolutePath = Field(
        Path("~/.pathena"),
        validation_alias=also("PANDA_CONFIG_ROOT", "PANDA_CONFIG_ROOT"),
        description="Directory that holds .token, the cached OIDC token (mode 0600).",
    )
    ca_dir: AbsolutePath | None = Field(
        None,
        validation_alias=also("PANDA_CA_DIR", "X509_CERT_DIR"),
        description="Directory of CA certificates (openssl rehash) that PanDA's is checked "
        "against; unset: /etc/grid-security/certificates.",
    )
    client_dir: AbsolutePath | None = Field(
        None,
        validation_alias=also("PANDA_CLIENT_DIR", "PANDA_SYS"),
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
    robot_secret_file: AbsolutePath | None = Field(
        None, description="File (mode 0600) with the robot account's client secret."
    )
    former_urls: NameList = Field(
        (),
        description="Other addresses of the same PanDA server: ids that were recorded there are "
        "still its own.",
    )
    timeout_seconds: float = Field(30.0, gt=0, description="How long a look-up at PanDA may take.")
    block: BlockName = Field(
        None,
        description="Prefect block (of type panda-server) that holds all of these; empty or "
        "unset: these settings do.",
    )


class SubmissionSettings(BaseSettings):
    """Submission of production tasks to PanDA."""

    model_config = group("SUBMISSION")

    timeout_seconds: float = Field(
        300.0,
        gt=0,
        validation_alias=also("SUBMISSION_TIMEOUT_SECONDS", "EPICPROD_SUBMIT_TIMEOUT"),
        description="How long one prun may take before its process group is killed.",
    )
    limit: int = Field(4, ge=1, le=64, description="Most concurrent submissions, in all workers.")
    server_limit_seconds: float = Field(
        600.0,
        ge=0,
        description="How long the PanDA server may still process a request whose answer was lost; "
        "the name is not sent again before.",
    )
    confirm_seconds: float = Field(
        600.0,
        gt=0,
        description="How long PanDA may take until a query shows an accepted task.",
    )
    check_seconds: float = Field(
        15.0, gt=0, description="Interval of checks while the outcome of a submission is unknown."
    )
    files_dir: AbsolutePath | None = Field(
        None,
        description="Directory that holds the files which configurations put into the sandbox.",
    )
    operation_seconds: float = Field(
        90.0, gt=0, description="How long an operation on a live task may take to show its effect."
    )
