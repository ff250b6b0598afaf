"""The page of messages: every message in and out, where it goes, its keys, and when."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Final

from deployments.asyncapi import declared, published, received
from deployments.asyncapi.channels import default
from deployments.asyncapi.received import ANYTHING, Received
from deployments.asyncapi.schemas import Schema, in_one_line, schema_of, type_in_words
from deployments.bridge.publishing import KEPT_BACK
from deployments.markdown import page, table
from deployments.relay import feed_event
from flows.common.messages import Enrichment, EventBody, msg_type_of
from flows.fastmon.schemas import Message, StfReady

_HEADINGS: Final = {
    "flows.fastmon.messages": "Of sampling",
    "flows.submission.messages": "Of a submission",
    "api.pcs.messages": "Of PCS's tasks",
    "deployments.relay.messages": "Of flow runs",
    "deployments.bridge.messages": "Of the workflow runner",
    "deployments.bridge.unbuilt": "Of what is not carried out",
}
"""Of the modules whose own name says too little."""
_INTRODUCTION: Final = """\
Every message that prodops takes, every event that it publishes, and the stream's frames. The
schemas, with headers and examples, are in [asyncapi.yaml](asyncapi.yaml). Messages are JSON
objects with a `msg_type`, their times are ISO 8601. A reader has to take keys that are not
described here."""
_REQUESTS: Final = """\
What an action's form does not name is left out, a key that is null counts as absent, and a number
may come as text. What the keys mean: [actions](actions.md). What cannot be used is set aside, with
the reason; what is refused is announced by the event that ends the action, if it has one. In
brackets: what may be absent."""
_RECEIVED: Final = """\
Other keys are stored and relayed unchanged. No text may contain a NUL or half of a surrogate pair.
An unknown run or STF is created. These keys are validated strictly: over REST a message in which
one is wrong is refused ([refusals](refusals.md)); one of the bus is relayed and set aside."""
_PUBLISHED: Final = """\
An event is committed with what it announces. It goes to the [stream](../how-to/watch-the-stream.md)
and, unless the table says otherwise, to the topic, there at least once and in order. A request has
one final event. What the events mean for who waits: [submission](../explanation/submission.md),
[payload logs](../explanation/payload-logs.md), [provenance](../explanation/provenance.md). In
brackets: what may be absent. Some are put into Prefect's feed, for
[automations](../how-to/act-on-events.md)."""
_STREAM: Final = """\
Lines end with LF, frames with an empty line. `data` is one line of ASCII JSON.

```text
event: connected
data: {"client_id": "…", "status": "connected"}

id: 1042
event: tf_file_registered
data: {"msg_type": "tf_file_registered", …}

event: heartbeat
data: {"timestamp": 1790000000.0}
```

An event's frame has its `msg_type` as `event` and its number as `id`; numbers increase. These
frames have no `id`:
"""
_STREAM_END: Final = """
There are no comments and no `retry:`. The response header `X-Last-Event-Id` is the newest event at
the time of connecting. Filters and resuming: [watch the stream](../how-to/watch-the-stream.md)."""


def text() -> str:
    """The page."""
    return page("Messages", [*_lines(_INTRODUCTION), *_received(), *_published(), *_frames()])


def _lines(paragraphs: str) -> list[str]:
    return paragraphs.split("\n")


# ------------------------------------------------------------------ received


def _received() -> Iterator[str]:
    messages = received.of_ops_queue()
    requests = [each for each in messages if not each.answer]
    yield from ("", "## Received", "", "### On the queue of the ops agent", "")
    yield f"`{default('ops_queue')}` (`PRODOPS_BUS_OPS_QUEUE`). Each message may say besides:"
    common = schema_of(received.Asked)["properties"]
    yield from ("", *_keys(common, ()), "", *_lines(_REQUESTS), "")
    yield from _messages(requests, common)
    yield from ("", "### Not carried out", "")
    yield "Requests of the original that prodops deliberately does not carry out. Who asks is"
    yield from ("answered at once:", "")
    yield from table(
        ("`msg_type`", "Answered by", "Why"),
        [
            (f"`{each.name}`", f"`{msg_type_of(each.answer.event)}`", each.answer.reason)
            for each in messages
            if each.answer
        ],
    )
    yield from ("", "### On the queue of the workflow runner", "")
    yield f"`{default('workflow_queue')}` (`PRODOPS_BUS_WORKFLOW_QUEUE`), where prodops is the"
    yield "runner (`PRODOPS_BUS_IS_RUNNER`). What cannot be run is set aside, with the reason."
    yield from ("", *_messages(received.of_workflow_queue(), ()))
    yield from ("", "### On the topic, and over REST", "")
    yield f"`{default('topic')}` (`PRODOPS_BUS_TOPIC`), and `POST /api/messages/`."
    yield from (*_lines(_RECEIVED), "", *_of_topic())


def _of_topic() -> Iterator[str]:
    common = schema_of(Message)["properties"]
    yield from _keys(common, {"msg_type"})
    yield from ("", "An `stf_ready` (and `data_ready`, its older name) has further keys:", "")
    further = schema_of(StfReady)["properties"]
    yield from _keys({name: each for name, each in further.items() if name not in common}, ())
    yield ""
    yield from _messages(received.of_topic(), common)


def _messages(messages: Iterable[Received], common: Collection[str]) -> Iterator[str]:
    rows = [(_label(each.name), _names(each.schema, common), each.summary) for each in messages]
    yield from table(("`msg_type`", "Keys", "What happens"), rows)


def _label(name: str) -> str:
    return "any other" if name == ANYTHING else f"`{name}`"


def _names(schema: Schema, common: Collection[str]) -> str:
    required = schema.get("required", ())
    return ", ".join(
        f"`{name}`" if name in required else f"[`{name}`]"
        for name in schema["properties"]
        if name not in {"msg_type", *common}
    )


# ------------------------------------------------------------------ published


def _published() -> Iterator[str]:
    yield from ("", "## Published", "", *_lines(_PUBLISHED), "")
    yield from table(
        ("`msg_type`", "Where", "`subject` of the stream's filter", "In Prefect's feed", "When"),
        [
            (
                f"`{name}`",
                _where(name),
                form.SUBJECT or "none",
                _in_feed(form),
                in_one_line(form.__doc__),
            )
            for name, form in declared.events().items()
        ],
    )
    yield from ("", "The stream adds these keys, unless the message has them:", "")
    yield from _keys(schema_of(Enrichment)["properties"], Enrichment.model_fields)
    yield from ("", "An event on the topic has these STOMP headers:", "")
    yield from _key_table(schema_of(published.TopicHeaders), ())
    for module in declared.declaring():
        yield from ("", f"### {_heading(module.__name__)}", *_group(module.EVENTS))


def _where(name: str) -> str:
    return "stream" if name in KEPT_BACK else "topic, stream"


def _in_feed(form: type[EventBody]) -> str:
    if not form.FEED:
        return "no"
    name = f"{feed_event.PREFIX}.{form.FEED}"
    if "ok" not in form.model_fields:
        return f"`{name}`"
    return f"`{name}.completed`, `{name}.failed`"


def _heading(module: str) -> str:
    name = module.split(".")[-2].replace("_", " ")
    return _HEADINGS.get(module, f"Of {name}")


def _group(forms: Sequence[type[EventBody]]) -> Iterator[str]:
    """The keys that all events of a module have, then those of each."""
    made = {msg_type_of(form): schema_of(form) for form in forms}
    common = _common(list(made.values())) if len(made) > 1 else {}
    if common:
        required = next(iter(made.values()))["required"]
        yield from ("", *_keys(common, required))
    for name, schema in made.items():
        rows = _key_table(schema, {"msg_type", *common})
        yield from ("", f"#### `{name}`", "", *(rows or ["No further keys."]))


def _common(schemas: Sequence[Schema]) -> dict[str, Schema]:
    """The keys that all schemas have, in the same form."""
    others = [each["properties"] for each in schemas]
    return {
        name: key
        for name, key in others[0].items()
        if name != "msg_type" and all(each.get(name) == key for each in others)
    }


# ------------------------------------------------------------------ the stream, keys


def _frames() -> Iterator[str]:
    yield from ("", "## Frames of the stream", "", *_lines(_STREAM))
    yield from table(
        ("Frame", "Keys", "When"),
        [
            (f"`{name}`", _names(schema_of(form), ()), in_one_line(form.__doc__))
            for name, form in published.CONTROL.items()
        ],
    )
    yield from _lines(_STREAM_END)


def _keys(keys: dict[str, Schema], required: Collection[str]) -> list[str]:
    return _key_table({"properties": keys, "required": list(required)}, ())


def _key_table(schema: Schema, but: Collection[str]) -> list[str]:
    required = schema.get("required", ())
    rows = [
        (
            f"`{name}`" if name in required else f"[`{name}`]",
            type_in_words(each),
            each.get("description", ""),
        )
        for name, each in schema["properties"].items()
        if name not in but
    ]
    return table(("Key", "Type", "Meaning"), rows) if rows else []
