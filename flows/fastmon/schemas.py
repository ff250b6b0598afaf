"""Forms of the testbed's bus messages that prodops reads (fastmon contract sections 1.5 to 1.9).

Readers are tolerant: unknown keys stay in the body. What is read is checked strictly, so that a
wrong type is refused where it came from.
"""

from __future__ import annotations

import json
import math
import re
from typing import Annotated, Any, Final

from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictInt,
    StrictStr,
    ValidationError,
)

from blocks.errors import Invalid
from flows.common.run_states import LIFECYCLE
from flows.common.text import keepable, unkeepable

STF_READY: Final = frozenset({"stf_ready", "data_ready"})
"""`stf_ready`, and its name before February 2026."""

MAX_RUN_NUMBER: Final = 2**31 - 1
MAX_SIZE_BYTES: Final = 2**63 - 1
MAX_FILENAME: Final = 255
_SHORT: Final = 20


def _plain_file_name(value: str) -> str:
    if "/" in value or "\\" in value or value in {".", ".."}:
        raise ValueError("must be a file name without a path")
    if any(ord(character) < 32 or ord(character) == 127 for character in value):  # noqa: PLR2004
        raise ValueError("must not hold control characters")
    return keepable(value)


def _one_token(value: str) -> str:
    if not re.fullmatch(r"[!-~]+", value):
        raise ValueError("must be printable ASCII without blanks")
    return value


Name = Annotated[StrictStr, Field(max_length=100), AfterValidator(keepable)]
Word = Annotated[StrictStr, Field(max_length=20), AfterValidator(keepable)]
FileName = Annotated[
    StrictStr, Field(min_length=1, max_length=MAX_FILENAME), AfterValidator(_plain_file_name)
]
Count = Annotated[StrictInt, Field(ge=0, le=2**31 - 1)]
RunId = (
    Annotated[StrictStr, Field(max_length=50), AfterValidator(keepable)]
    | Annotated[StrictInt, Field(ge=-(10**49), le=10**49)]
)


class Message(BaseModel):
    """Any message: what is needed to relay and filter it. The rest of its body is kept as it is."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    msg_type: Annotated[
        StrictStr, Field(min_length=1, max_length=50), AfterValidator(_one_token)
    ] = Field(description="Its type: printable ASCII without blanks.", examples=["anything"])
    namespace: Name | None = Field(None, description="Whose it is.", examples=["testbed"])
    run_id: RunId | None = Field(None, description="The run.", examples=["100123"])
    execution_id: Name | None = Field(None, description="The execution of the workflow.")
    sender: Name | None = Field(None, description="Who sends it.", examples=["data-agent-olga-1"])
    recipient: Name | None = Field(None, description="For whom it is.")
    processed_by: Name | None = Field(
        None, description="Who did it, for the stream's `agents` filter."
    )

    @property
    def run_number(self) -> int | None:
        """The run as an integer, None where it is none (or too large to be one)."""
        text = str(self.run_id) if self.run_id is not None else ""
        if re.fullmatch(r"[0-9]{1,10}", text) and int(text) <= MAX_RUN_NUMBER:
            return int(text)
        return None


class StfReady(Message):
    """An STF file is there: relayed, and sampled. The original data agent sends no size."""

    filename: FileName | None = Field(
        None,
        description="Name of the STF's file, without a path; none: the STFs that are registered "
        "for the run.",
        examples=["swf.100123.000001.stf"],
    )
    size_bytes: Annotated[StrictInt, Field(ge=0, le=MAX_SIZE_BYTES)] | None = Field(
        None,
        validation_alias=AliasChoices("size_bytes", "size"),
        description="Its size; also as `size`.",
        examples=[2147483648],
    )
    tf_count: Annotated[StrictInt, Field(ge=1, le=2**31 - 1)] | None = Field(
        None, description="Its TFs.", examples=[1000]
    )
    sequence: Count | None = Field(None, description="Its number in the run.", examples=[1])
    checksum: Annotated[StrictStr, Field(max_length=64), AfterValidator(keepable)] | None = Field(
        None, description="Its checksum.", examples=["ad:0a1b2c3d"]
    )
    file_url: Annotated[StrictStr, Field(max_length=4096), AfterValidator(keepable)] | None = Field(
        None, description="Where it is."
    )
    state: Word | None = Field(None, description="State of the run.", examples=["run"])
    substate: Word | None = Field(None, description="Its substate.", examples=["physics"])


class RunMessage(Message):
    """A run goes on; relayed. What is not named in `Message` is not read.

    Source: fastmon contract section 1.5.
    """

    timestamp: str | None = Field(
        None, description="When, as its sender writes it.", examples=["2026-06-01T09:00:00.250000"]
    )
    simulation_tick: float | None = Field(
        None, description="Seconds of the simulation.", examples=[1.8]
    )
    state: Word | None = Field(None, description="State of the run.", examples=["run"])
    substate: Word | None = Field(None, description="Its substate.", examples=["physics"])


class RunImminent(RunMessage):
    """A run is about to begin; relayed."""


class RunStarted(RunMessage):
    """A run begins; relayed."""


class RunPaused(RunMessage):
    """A run is on standby; relayed."""

    reason: str | None = Field(None, description="Why.", examples=["Brief standby period"])


class RunResumed(RunMessage):
    """A run goes on; relayed."""


class RunEnded(RunMessage):
    """A run has ended; relayed. An `stf_ready` of it may still come."""

    total_stf_files: int | None = Field(None, description="STFs of the run.", examples=[12])


class StfGenerated(RunMessage):
    """The data acquisition has written an STF; relayed. Its `stf_ready` follows."""

    filename: str | None = Field(
        None, description="Name of its file.", examples=["swf.100123.000001.stf"]
    )
    sequence: int | None = Field(None, description="Its number in the run.", examples=[1])


RUN_MESSAGES: Final[dict[str, type[RunMessage]]] = {
    "run_imminent": RunImminent,
    "start_run": RunStarted,
    "stf_gen": StfGenerated,
    "pause_run": RunPaused,
    "resume_run": RunResumed,
    "end_run": RunEnded,
}
"""The messages of a run, in their order. They are described, and read as any :class:`Message`."""


def _short_word(value: object) -> object:
    is_short = isinstance(value, str) and 0 < len(value) <= _SHORT
    return value if is_short else None


LenientWord = Annotated[str | None, BeforeValidator(_short_word)]


class Lifecycle(Message):
    """A run begins, pauses, goes on or ends. A state that is none is as good as absent."""

    state: LenientWord = None
    substate: LenientWord = None


MOST_OF_A_BATCH: Final = 500
"""As many messages may come in one call."""
_FORMS: Final = dict.fromkeys(STF_READY, StfReady) | dict.fromkeys(LIFECYCLE, Lifecycle)


def decode(text: bytes) -> dict[str, Any]:
    """The JSON object in `text`.

    Raises:
        Invalid: It is not JSON, not an object, or holds what PostgreSQL cannot keep.
    """
    body = _object_in(text)
    require_keepable(body)
    return body


def decode_batch(text: bytes) -> list[Any]:
    """The messages in `text`, a JSON object with a list of `messages`; none is looked at.

    Raises:
        Invalid: It is not JSON, or not such an object; or they are too many.
    """
    messages = _object_in(text).get("messages")
    if not isinstance(messages, list):
        raise Invalid({"messages": ["must be a list of messages"]})
    if len(messages) > MOST_OF_A_BATCH:
        raise Invalid({"messages": [f"must be at most {MOST_OF_A_BATCH}"]})
    return messages


def require_keepable(body: Any) -> None:
    """See that a message is an object that PostgreSQL can keep.

    Raises:
        Invalid: It is not.
    """
    if not isinstance(body, dict):
        raise Invalid({"body": ["must be a JSON object"]})
    for path, why in unkeepable(body):
        raise Invalid({path: [why]})


def _object_in(text: bytes) -> dict[str, Any]:
    try:
        body = json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)
    except RecursionError:
        raise Invalid({"body": ["is nested too deeply"]}) from None
    except ValueError as error:
        raise Invalid({"body": [f"is not JSON: {error}"]}) from None
    if not isinstance(body, dict):
        raise Invalid({"body": ["must be a JSON object"]})
    return body


def parse(body: dict[str, Any]) -> Message:
    """The message in `body`: a :class:`StfReady` or :class:`Lifecycle` where its type says so.

    Raises:
        Invalid: A field is missing, or not of its form.
    """
    kind = body.get("msg_type")
    form = _FORMS.get(kind, Message) if isinstance(kind, str) else Message
    try:
        return form.model_validate(body)
    except ValidationError as error:
        fields: dict[str, list[str]] = {}
        for item in error.errors():
            texts = fields.setdefault(str(item["loc"][0]), [])
            texts.append(_in_words(item["type"], item["msg"]))
        raise Invalid(fields) from None


def _in_words(kind: str, message: str) -> str:
    if kind == "missing":
        return "This field is required."
    return message.removeprefix("Value error, ")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is too large a number")
    return number


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")
