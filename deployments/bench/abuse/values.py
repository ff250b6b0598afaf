"""Values that are seldom thought of, and good JSON bodies with one of them in a place. Pure."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Iterator
from typing import Any, Final
from urllib.parse import quote

TEXTS: Final = (
    "",
    " ",
    "\0",
    "a\0b",
    "²",
    "-1",
    "0",
    "1e999",
    "nan",
    str(2**31),
    str(2**63),
    "9" * 5000,
    "x" * 300,
    "x" * 70_000,
    "\r\nSet-Cookie: a=b",
    "\n\ndata: {}\n\n",
    "../../../etc/passwd",
    "/etc/passwd",
    "a/b",
    "%00",
    "%2e%2e%2f",
    "%",
    "%zz",
    "{0}{}{{7*7}}",
    "${HOME}",
    "$(id)",
    "`id`",
    "'; DROP TABLE event; --",
    '" OR 1=1',
    "<script>alert(1)</script>",
    "\u202eabc",
    "\ufeff",
    "\ufffe",
    "e\u0301" * 200,
    "🧨",
    "\U0010ffff",
    "*",
    "?",
    "a" * 255 + ".stf",
    "..",
    ".",
    "-rf",
    "null",
    "true",
    "[]",
    "2026-02-30",
    "0000-00-00T00:00:00Z",
    "9999-12-31T23:59:59.999999+14:00",
)
"""Texts that are no good value of nearly anything, and are all good UTF-8."""

# What reads, checks, keeps and shows JSON each has another depth at which it gives up.
_DEPTHS: Final = (99, 260, 500, 900, 960, 990, 1500, 3000)

JSON_LITERALS: Final = (
    b'"\\u0000"',
    b'"\\ud800"',
    b'{"\\ud800": 1}',
    b'{"": ""}',
    b'{"$ref": "#/x"}',
    b'{"__prefect_kind": "jinja", "template": "{{ 7 * 7 }}"}',
    b'{"__prefect_kind": "workspace_variable", "variable_name": "x"}',
    b"1e999",
    b"-1e999",
    b"NaN",
    b"-Infinity",
    b"9" * 5000,
    b"-" + b"9" * 40,
    b"1.0000000000000000000000001",
    b"-0.0",
    b"2147483648",
    b"9223372036854775807",
    b"9223372036854775808",
    b"-1",
    b"0",
    b"null",
    b"true",
    b"false",
    b"[]",
    b"{}",
    b"[null]",
    b"[[]]",
    b'["a", 1, null, {}]',
    *(b"[" * depth + b"]" * depth for depth in _DEPTHS),
    *(b'{"a":' * depth + b"1" + b"}" * depth for depth in _DEPTHS),
    b"[" + b"0," * 20_000 + b"0]",
)
"""Values as JSON's text: some cannot be written by `json.dumps`, and some cannot be kept."""

_MARK: Final = "@abuse@"


def awkward_text(chance: random.Random) -> str:
    """One of the texts."""
    return chance.choice(TEXTS)


def awkward_literal(chance: random.Random) -> bytes:
    """One of the values, or one of the texts as a value."""
    if chance.random() < 0.6:  # noqa: PLR2004 - more of them
        return chance.choice(JSON_LITERALS)
    return json.dumps(awkward_text(chance)).encode()


def in_path(text: str) -> str:
    """A text as one part of a path."""
    return quote(text, safe="")


def with_bad_value(body: Any, chance: random.Random) -> bytes:
    """The body with one of its values replaced."""
    changed = copy.deepcopy(body)
    places = list(_places(changed))
    if not places:
        return awkward_literal(chance)
    holder, key = chance.choice(places)
    holder[key] = _MARK
    return json.dumps(changed).encode().replace(b'"%s"' % _MARK.encode(), awkward_literal(chance))


def with_bad_shape(body: Any, chance: random.Random) -> bytes:
    """The body as JSON of another shape: a key less, more or twice, or no such thing at all."""
    text = json.dumps(body).encode()
    fields = body if isinstance(body, dict) else {}
    shapes: list[Callable[[], bytes]] = [
        lambda: _without_key(fields, chance),
        lambda: json.dumps({**fields, awkward_text(chance): 1}).encode(),
        lambda: json.dumps({**fields, "created_by": "abuse-else"}).encode(),
        lambda: json.dumps({**fields, "id": 1, "status": "x", "owner": "bench"}).encode(),
        lambda: text[:-1] + b", " + text[1:] if fields else b"{,}",
        lambda: b"[" + text + b"]",
        lambda: json.dumps(text.decode()).encode(),
        lambda: awkward_literal(chance),
    ]
    return chance.choice(shapes)()


def broken(body: Any, chance: random.Random) -> bytes:
    """Bytes that are no JSON, or no UTF-8, or far too many."""
    text = json.dumps(body).encode()
    breaks: list[Callable[[], bytes]] = [
        lambda: text[: chance.randrange(len(text))],
        lambda: text + text,
        lambda: b"\xef\xbb\xbf" + text,
        lambda: text.decode().encode("utf-16"),
        lambda: b"\xff\xfe\xfd" + text,
        lambda: b"\x1f\x8b\x08\x00" + chance.randbytes(100),
        lambda: chance.randbytes(1000),
        lambda: b"",
        lambda: b"\0" * 100,
        lambda: b'{"a": "' + b"x" * 1_100_000 + b'"}',
        lambda: b"[" * 200_000,
        lambda: b"a=1&b=2",
        lambda: b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--x--",
    ]
    return chance.choice(breaks)()


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Where the values of a body are: the holder, and the key in it."""
    if not isinstance(value, dict | list):
        return
    for key, below in value.items() if isinstance(value, dict) else enumerate(value):
        yield value, key
        yield from _places(below)


def _without_key(fields: dict[str, Any], chance: random.Random) -> bytes:
    left = dict(fields)
    if left:
        del left[chance.choice(list(left))]
    return json.dumps(left).encode()
