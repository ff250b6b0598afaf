"""JSON schemas of messages, and their examples, from pydantic models.

A schema refers to nothing, so that it can be read, and used, by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema

Schema = dict[str, Any]
_ENDLESS: Final = 2**64  # a bound that only keeps a number finite is not shown


class _Untitled(GenerateJsonSchema):
    """Without titles, which only repeat the names."""

    def field_title_should_be_set(self, _schema: Any) -> bool:
        return False


def schema_of(model: type[BaseModel], **constants: str) -> Schema:
    """The schema of a message.

    Args:
        model: Its form.
        constants: Keys that have one value in it, such as its `msg_type`.
    """
    made = model.model_json_schema(schema_generator=_Untitled)
    schema: Schema = _inlined(made, made.pop("$defs", {}))
    schema["description"] = in_one_line(model.__doc__)
    for key, value in constants.items():
        schema["properties"][key] = {**schema["properties"][key], "const": value}
        schema["properties"][key].pop("examples", None)
    return schema


def _inlined(value: Any, definitions: Mapping[str, Any]) -> Any:
    if isinstance(value, list):
        return [_inlined(each, definitions) for each in value]
    if not isinstance(value, dict):
        return value
    own = {
        key: each if key in {"examples", "default"} else _inlined(each, definitions)
        for key, each in value.items()
        if key != "$ref"
        and (key, each) != ("additionalProperties", True)
        # A model's title repeats its name; a key of that name would have a schema.
        and not (key == "title" and isinstance(each, str))
    }
    if "$ref" not in value:
        return own
    found = _inlined(definitions[value["$ref"].rpartition("/")[2]], definitions)
    return {**found, **own}


def with_keys(schema: Schema, model: type[BaseModel]) -> Schema:
    """The schema of a message that has the keys of `model`, too, after its `msg_type`."""
    own, added = schema["properties"], schema_of(model)["properties"]
    keys = {"msg_type": own["msg_type"], **added, **own, **added}
    required = schema.get("required", ())
    required = list(dict.fromkeys(["msg_type", *required]))
    return {**schema, "type": "object", "properties": keys, "required": required}


def example_of(schema: Schema) -> Any:
    """A message of that schema: each key that is required, or has an example of its own."""
    if "const" in schema:
        return schema["const"]
    if schema.get("examples"):
        return schema["examples"][0]
    if "enum" in schema:
        return schema["enum"][0]
    if "anyOf" in schema:
        return example_of(schema["anyOf"][0])
    if "properties" in schema:
        required = schema.get("required", ())
        return {
            key: example_of(each)
            for key, each in schema["properties"].items()
            if key in required or _has_example(each)
        }
    return schema.get("default", _of_type(schema))


def _has_example(schema: Schema) -> bool:
    choices = (schema, *schema.get("anyOf", ()))
    return any(each.get("examples") or "properties" in each for each in choices)


def _of_type(schema: Schema) -> Any:
    kinds = {"integer": 1, "number": 1.0, "boolean": False, "array": [], "object": {}}
    kind = schema.get("type", "")
    return kinds.get(kind[0] if isinstance(kind, list) else kind, "")


def type_in_words(schema: Schema) -> str:
    """The type of a key, with its bounds, for a table."""
    if "const" in schema:
        return f"`{schema['const']}`"
    if values := schema.get("enum"):
        return ", ".join(f"`{each}`" for each in values)
    if choices := schema.get("anyOf"):
        return " or ".join(dict.fromkeys(type_in_words(each) for each in choices))
    if keys := schema.get("properties"):
        return f"object of {', '.join(f'`{each}`' for each in keys)}"
    return _plain_type(schema)


def _plain_type(schema: Schema) -> str:
    if schema.get("format") in {"date-time", "uuid"}:
        return {"date-time": "time", "uuid": "UUID"}[schema["format"]]
    kind = str(schema.get("type", "anything"))
    if kind == "array":
        return f"array of {type_in_words(schema['items'])}"
    if isinstance(inner := schema.get("additionalProperties"), dict):
        return f"object, each value an {type_in_words(inner)}"
    words = {"string": "text", "boolean": "true or false"}.get(kind, kind)
    return " ".join((words, *_bounds(schema)))


def _bounds(schema: Schema) -> Iterable[str]:
    for name, word in (("minimum", "from"), ("maximum", "to")):
        if abs(schema.get(name, _ENDLESS)) < _ENDLESS:
            yield f"{word} {schema[name]}"
    if "maxLength" in schema:
        yield f"of at most {schema['maxLength']}"


def in_one_line(docstring: str | None) -> str:
    """A docstring as a description, without the line breaks of its source and what cites it."""
    paragraphs = (docstring or "").strip().split("\n\n")
    kept = (" ".join(each.split()) for each in paragraphs)
    return " ".join(each for each in kept if not each.startswith(("Source:", "Attributes:")))
