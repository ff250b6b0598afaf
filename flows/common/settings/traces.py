"""Settings of traces and of log lines."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings

from flows.common.settings.forms import group


class TracesSettings(BaseSettings):
    """Traces by OpenTelemetry; without a URL nothing of it is loaded."""

    model_config = group("TRACES")

    url: str | None = Field(
        None,
        description="Where spans are sent to, as OTLP over HTTP, e.g. "
        "http://127.0.0.1:4318/v1/traces; unset: nowhere.",
    )
    ratio: float = Field(
        1.0, ge=0, le=1, description="Which part of the requests is traced, from 0 to 1."
    )

    @field_validator("url")
    @classmethod
    def _is_http(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("http://", "https://")):
            raise ValueError("must be an http:// or https:// URL")
        return value


class LogSettings(BaseSettings):
    """The log lines of the parts on standard output."""

    model_config = group("LOG")

    format: Literal["text", "json"] = Field(
        "text", description="How they are written: text for people, or json, an object a line."
    )
