"""Bad requests by seeded mutation of good ones: path, query, body, type, method, headers. Pure."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final
from urllib.parse import quote, urlencode

from deployments.bench.abuse import oddities, values
from deployments.bench.abuse.inputs import CREDENTIALS, HOST, LENGTH, Headers, HttpInput
from deployments.bench.abuse.operations import Operation


@dataclass(frozen=True)
class Known:
    """What there is, so that requests find something.

    Attributes:
        keys: Values of a path's parameters, by `collection/parameter` or the parameter alone.
        fields: Values of a body's fields.
    """

    keys: Mapping[str, Sequence[str]] = field(default_factory=dict)
    fields: Mapping[str, Sequence[Any]] = field(default_factory=dict)

    def body_of(self, operation: Operation, chance: random.Random) -> Any:
        """A good body for the operation, about something that is there."""
        body = operation.body
        if not isinstance(body, dict):
            return body
        known = {name: chance.choice(self.fields[name]) for name in body if name in self.fields}
        return {**body, **known}

    def path_of(self, operation: Operation, chance: random.Random) -> str:
        """The operation's path, about something that is there, where that is known."""
        path = operation.path
        for name in operation.parameters:
            path = path.replace(_pattern(path, name), quote(self.key(path, name, chance)), 1)
        return path

    def key(self, path: str, name: str, chance: random.Random) -> str:
        """A value of a parameter."""
        collection = path.partition(_pattern(path, name))[0].rstrip("/").rpartition("/")[2]
        return chance.choice(self.keys.get(f"{collection}/{name}") or self.keys.get(name) or ("1",))


def good(operation: Operation, known: Known, chance: random.Random) -> HttpInput:
    """A request as it should be: whether its caller may send it is another matter."""
    headers: Headers = ()
    body = b""
    if not operation.is_safe:
        headers = (oddities.JSON,)
        sound = known.body_of(operation, chance)
        body = b"" if sound is None else json.dumps(sound).encode()
    target = known.path_of(operation, chance)
    if operation.queries and chance.random() < 0.5:  # noqa: PLR2004 - half of them
        target += "?" + urlencode({chance.choice(operation.queries): "1"})
    return HttpInput("good", operation.method, target, operation, headers, body)


def _path(sound: HttpInput, known: Known, chance: random.Random) -> HttpInput:
    operation = sound.operation
    text = values.awkward_text(chance)
    part = chance.choice((values.in_path(text), quote(text, safe="/.%?*'$;:@&=+,!()[]{}<>\"`")))
    names = operation.parameters
    if not names:
        target = chance.choice(
            (f"/{operation.path}", f"{operation.path}{part}", f"{operation.path}//")
        )
        return replace(sound, target=target)
    chosen = chance.choice(names)
    target = operation.path.replace(_pattern(operation.path, chosen), part, 1)
    for name in operation.parameters:
        if name != chosen:
            target = target.replace(_pattern(target, name), known.key(target, name, chance), 1)
    return replace(sound, target=target)


def _query(sound: HttpInput, _known: Known, chance: random.Random) -> HttpInput:
    name = chance.choice((*sound.operation.queries, "limit", "offset", "page", "sort", "x"))
    text = values.awkward_text(chance)
    queries = (
        urlencode({name: text}),
        urlencode([(name, text), (name, values.awkward_text(chance))]),
        f"{name}={text.encode('ascii', 'ignore').decode().replace(' ', '+')}",
        f"{name}=%ff%fe&{name}[]=1&{name}[a]=2",
        "&".join(f"{name}{number}=1" for number in range(3000)),
        "&&&=&?=?" + name,
    )
    bare = sound.target.partition("?")[0]
    query = "".join(each if each.isprintable() else quote(each) for each in chance.choice(queries))
    return replace(sound, target=f"{bare}?{query.replace(' ', '+')}")


def _value(sound: HttpInput, known: Known, chance: random.Random) -> HttpInput:
    return replace(
        sound, body=values.with_bad_value(known.body_of(sound.operation, chance) or {}, chance)
    )


def _shape(sound: HttpInput, known: Known, chance: random.Random) -> HttpInput:
    return replace(
        sound, body=values.with_bad_shape(known.body_of(sound.operation, chance) or {}, chance)
    )


def _broken(sound: HttpInput, known: Known, chance: random.Random) -> HttpInput:
    return replace(sound, body=values.broken(known.body_of(sound.operation, chance) or {}, chance))


def _type(sound: HttpInput, _known: Known, chance: random.Random) -> HttpInput:
    return replace(sound, headers=chance.choice(oddities.TYPES))


def _method(sound: HttpInput, _known: Known, chance: random.Random) -> HttpInput:
    return replace(sound, method=chance.choice(oddities.METHODS), is_answered=False)


def _credentials(sound: HttpInput, _known: Known, chance: random.Random) -> HttpInput:
    made_up = chance.sample(oddities.CREDENTIALS, chance.choice((1, 1, 2)))
    if chance.random() < 0.2:  # noqa: PLR2004 - a doubled one now and then
        made_up = [("X-Remote-User", "bench"), ("X-Remote-User", "abuse-else")]
    # Beside the caller's own, or in its place: nobody, then.
    without = frozenset({CREDENTIALS}) if chance.random() < 0.7 else frozenset()  # noqa: PLR2004
    return replace(sound, headers=(*sound.headers, *made_up), without=without, is_answered=False)


def _headers(sound: HttpInput, _known: Known, chance: random.Random) -> HttpInput:
    odd = chance.sample(oddities.HEADERS, chance.randint(1, 3))
    is_upgrade = any(name in {"Upgrade", "Connection"} for name, _ in odd)
    return replace(sound, headers=(*sound.headers, *odd), is_answered=not is_upgrade)


def _host(sound: HttpInput, _known: Known, chance: random.Random) -> HttpInput:
    odd = [chance.choice(oddities.HOSTS) for _ in range(chance.choice((0, 1, 1, 2)))]
    headers = (*sound.headers, *odd)
    return replace(sound, headers=headers, without=frozenset({HOST}), is_answered=False)


def _length(sound: HttpInput, _known: Known, chance: random.Random) -> HttpInput:
    """A length that is not the body's, or none that a server can use."""
    odd: tuple[tuple[str, str], ...] = chance.choice(
        (
            (("Content-Length", str(len(sound.body) + 5)),),
            (("Content-Length", "-1"),),
            (("Content-Length", "+3"),),
            (("Content-Length", "²"),),
            (("Content-Length", "9" * 4000),),
            (("Content-Length", "1073741824"),),
            (("Content-Length", "0"), ("Content-Length", "7")),
            (("Transfer-Encoding", "chunked"),),
            (("Transfer-Encoding", "chunked"), ("Content-Length", "3")),
            (("Transfer-Encoding", "gzip, chunked"),),
            (("Transfer-Encoding", "nonsense"),),
            (),
        )
    )
    headers = (*sound.headers, *odd)
    without = frozenset({LENGTH})
    return replace(sound, headers=headers, without=without, is_answered=False, is_cut=True)


def _wire(sound: HttpInput, _known: Known, chance: random.Random) -> HttpInput:
    """Bytes that are no HTTP."""
    oddities = (
        replace(sound, method=""),
        replace(sound, target=""),
        replace(sound, target=sound.target + " x"),
        replace(sound, target=sound.target + "\0"),
        replace(sound, target=sound.target + "#fragment"),
        replace(sound, target="http://evil.example" + sound.target),
        replace(sound, target="*"),
        replace(sound, target=sound.target + "?" + "x" * 200_000),
        replace(sound, target=sound.target + "\u00fc\u20ac"),
        replace(sound, headers=(*sound.headers, ("A b", "c"))),
        replace(sound, headers=(*sound.headers, ("X", "a\0b"))),
        replace(sound, headers=(*sound.headers, ("X", "a\r\n folded"))),
        replace(sound, headers=(*sound.headers, ("X", "a\nb: c"))),
        replace(sound, headers=(*sound.headers, *(("X", "y") for _ in range(2000)))),
        replace(sound, headers=(*sound.headers, ("", "x"))),
        replace(sound, method="\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
        replace(sound, method="PRI", target="*"),
    )
    return replace(chance.choice(oddities), is_answered=False, is_cut=True)


Mutation = Callable[[HttpInput, Known, random.Random], HttpInput]

MUTATIONS: Final[dict[str, Mutation]] = {
    "good": lambda sound, _known, _chance: sound,
    "path": _path,
    "query": _query,
    "value": _value,
    "shape": _shape,
    "broken": _broken,
    "type": _type,
    "method": _method,
    "credentials": _credentials,
    "headers": _headers,
    "host": _host,
    "length": _length,
    "wire": _wire,
}
"""What is done to a good request, by its name."""
_OF_WRITES: Final = ("good", "value", "shape", "broken", "value", "type")
_OF_ALL: Final = (
    "path", "query", "credentials", "headers", "method", "good", "host", "length", "wire",
)  # fmt: skip


def mutated(operation: Operation, known: Known, chance: random.Random) -> HttpInput:
    """A good request to the operation, and something wrong with it."""
    is_write = not operation.is_safe and chance.random() < 0.6  # noqa: PLR2004 - their bodies first
    kind = chance.choice(_OF_WRITES if is_write else _OF_ALL)
    made = MUTATIONS[kind](good(operation, known, chance), known, chance)
    return replace(made, kind=kind)


def _pattern(path: str, name: str) -> str:
    return f"{{{name}:path}}" if f"{{{name}:path}}" in path else f"{{{name}}}"
