"""Rows and calls with which a web tier that was taken over may try the border, and what is behind.

Statements of the web role: nonsense in what it may write, and tries at what it may not.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import Engine, create_engine, make_url, text
from sqlalchemy.exc import SQLAlchemyError

from deployments.bench.abuse.forbidden import FORBIDDEN
from deployments.bench.abuse.inputs import RowInput
from deployments.bench.abuse.operations import sample
from deployments.bench.abuse.values import JSON_LITERALS, TEXTS
from deployments.bench.common.stack import BenchStack
from flows.common import actions

AT_A_TIME: Final = 2
ROW_NAMESPACE: Final = "abuse-rows"
"""Where the inbox rows go, and afterwards a good message too."""
_COLUMNS: Final = text("""
    SELECT given.table_name, given.column_name, given.privilege_type,
           format_type(attribute.atttypid, attribute.atttypmod) AS type, attribute.attnotnull
    FROM information_schema.column_privileges AS given
    JOIN pg_attribute AS attribute ON attribute.attname = given.column_name
     AND attribute.attrelid = to_regclass(quote_ident(given.table_name))
    WHERE given.grantee = 'prodops_web' AND given.table_schema = 'public'
      AND given.privilege_type IN ('INSERT', 'UPDATE')
    ORDER BY 1, attribute.attnum, 3
""")
_SENTENCES: Final = tuple(each for each in TEXTS if "\0" not in each)
_NUMBERS: Final = ("0", "-1", "1", "2147483647", "-2147483648", "9223372036854775807", "32768")
_TIMES: Final = (
    "infinity", "-infinity", "0001-01-01 00:00:00 BC", "4713-01-01 BC", "294276-12-31",
    "9999-12-31", "2026-08-01T12:00:00Z",
)  # fmt: skip
_BY_TYPE: Final[Mapping[str, Sequence[str]]] = {
    "integer": _NUMBERS,
    "bigint": _NUMBERS,
    "smallint": _NUMBERS,
    "numeric": ("NaN", "1e100", "-1", "Infinity"),
    "double precision": ("NaN", "1e300", "-1", "Infinity"),
    "boolean": ("true", "false"),
    "uuid": ("00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"),
    "date": ("infinity", "-infinity", "4713-01-01 BC", "2026-08-01", "5874897-12-31"),
    "timestamp with time zone": _TIMES,
}
_CHANNELS: Final = ("prodops_request", "prodops_event", "prodops_inbox", "abuse")
_ACCEPT: Final = "SELECT request_accept(:means, :proof, CAST(:wanted AS jsonb))"


@dataclass(frozen=True)
class Column:
    """A column that the web role may insert or update."""

    table: str
    name: str
    type: str
    is_needed: bool
    is_inserted: bool
    is_updated: bool


def columns_of(engine: Engine) -> list[Column]:
    """What the web role may write, as the database says."""
    with engine.connect() as connection:
        rows = connection.execute(_COLUMNS).all()
    kinds: dict[tuple[str, str, str, bool], set[str]] = {}
    for row in rows:
        key = (row.table_name, row.column_name, row.type, row.attnotnull)
        kinds.setdefault(key, set()).add(row.privilege_type)
    return [
        Column(*key, is_inserted="INSERT" in given, is_updated="UPDATE" in given)
        for key, given in kinds.items()
    ]


def draw_rows(
    seed: int, number: int, columns: Sequence[Column], proofs: Mapping[str, str]
) -> list[RowInput]:
    """So many statements; the proofs are what came by, by their means."""
    chance = random.Random(f"rows {seed}")  # noqa: S311 - no secret
    makers = (
        lambda: _insert(columns, chance),
        lambda: _insert(columns, chance),
        lambda: _update(columns, chance),
        lambda: _accept(proofs, chance),
        lambda: _accept(proofs, chance),
        lambda: _notify(chance),
        lambda: RowInput("forbidden", chance.choice(FORBIDDEN)),
    )
    return [makers[each % len(makers)]() for each in range(number)]


def _insert(columns: Sequence[Column], chance: random.Random) -> RowInput:
    inserted = [each for each in columns if each.is_inserted]
    table = chance.choice(sorted({each.table for each in inserted}))
    own = [each for each in inserted if each.table == table]
    taken = [each for each in own if each.is_needed or chance.random() < 0.5]  # noqa: PLR2004
    odd = chance.sample(taken, min(len(taken), chance.randint(1, 3)))
    values = {each.name: _value(each, chance, is_odd=each in odd) for each in taken}
    names = ", ".join(values)
    casts = ", ".join(f"CAST(:{each.name} AS {each.type})" for each in taken)
    return RowInput("insert", f"INSERT INTO {table} ({names}) VALUES ({casts})", values)  # noqa: S608 - names that the database gave


def _update(columns: Sequence[Column], chance: random.Random) -> RowInput:
    column = chance.choice([each for each in columns if each.is_updated])
    statement = (
        f"UPDATE {column.table} SET {column.name} = CAST(:value AS {column.type})"  # noqa: S608 - names that the database gave
        f" WHERE ctid IN (SELECT ctid FROM {column.table} ORDER BY 1 DESC LIMIT 1)"
    )
    return RowInput("update", statement, {"value": _value(column, chance, is_odd=True)})


def _value(column: Column, chance: random.Random, *, is_odd: bool) -> str:
    if not is_odd and column.name in _SOUND:
        return _SOUND[column.name]
    kind = column.type.partition("(")[0]
    if kind in {"json", "jsonb"}:
        return chance.choice(JSON_LITERALS).decode() if is_odd else "{}"
    if column.type.endswith("[]"):
        return chance.choice(("{}", "{NULL}", '{"",x}'))
    if kind in _BY_TYPE:
        return chance.choice(_BY_TYPE[kind]) if is_odd else _BY_TYPE[kind][-1 if "t" in kind else 0]
    return chance.choice(_SENTENCES) if is_odd else f"abuse{chance.randrange(10**6)}"


_SOUND: Final = {
    "namespace": ROW_NAMESPACE,
    "state": "waiting",
    "kind": "reco",
    "msg_type": "stf_ready",
    "run_number": "700009",
    "received_at": "2026-08-01T12:00:00Z",
    "at": "2026-08-01T12:00:00Z",
    "created_at": "2026-08-01T12:00:00Z",
    "updated_at": "2026-08-01T12:00:00Z",
    "status": "draft",
    "run_id": "1",
    "is_first": "true",
}


def _accept(proofs: Mapping[str, str], chance: random.Random) -> RowInput:
    """A request with nonsense in it, by a proof that came by."""
    action = chance.choice(list(actions.all_actions().values()))
    form = action.parameters.model_json_schema()
    parameters = sample(form, form.get("$defs", {}))
    text_of = chance.choice(JSON_LITERALS).decode()
    if parameters and chance.random() < 0.5:  # noqa: PLR2004 - one field of a good form
        name = json.dumps(chance.choice(list(parameters)))
        rest = {key: value for key, value in parameters.items() if json.dumps(key) != name}
        text_of = json.dumps(rest)[:-1] + f"{', ' if rest else ''}{name}: {text_of}}}"
    means = chance.choice(list(proofs))
    wanted = {
        "action": action.name if chance.random() < 0.9 else "nothing",  # noqa: PLR2004
        "dedup_key": chance.choice((None, "all", f"abuse {chance.randrange(10**9)}", "x" * 5000)),
        "subject": chance.choice((None, *_SENTENCES)),
        "requested_by": chance.choice(("abuse-operate", "abuse-proxied", "bench")),
        "source": chance.choice(("rest", "page", "sweeper", "x" * 30)),
        "created_at": chance.choice(("infinity", "2026-08-01T12:00:00Z", "-infinity")),
    }
    sent = json.dumps(wanted)[:-1] + f', "parameters": {text_of}}}'
    return RowInput("request", _ACCEPT, {"means": means, "proof": proofs[means], "wanted": sent})


def _notify(chance: random.Random) -> RowInput:
    return RowInput(
        "notify",
        "SELECT pg_notify(:channel, :payload)",
        {"channel": chance.choice(_CHANNELS), "payload": chance.choice(_SENTENCES)[:7000]},
    )


def play_rows(running: BenchStack, inputs: Sequence[RowInput]) -> Iterator[tuple[RowInput, str]]:
    """Execute the statements as the web role; gives each with the database's refusal, if any."""
    given = running.stack.environment("web")
    passfile = Path(given["PRODOPS_DATABASE_PASSFILE"])
    arguments = {"passfile": str(passfile)}
    engine = create_engine(
        make_url(given["PRODOPS_DATABASE_URL"]), connect_args=arguments, pool_size=AT_A_TIME
    )
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        yield from zip(inputs, pool.map(lambda each: _play(engine, each), inputs), strict=True)
    engine.dispose()


def _play(engine: Engine, given: RowInput) -> str:
    try:
        with engine.begin() as connection:
            connection.execute(text("SET LOCAL statement_timeout = '20s'"))
            connection.execute(text(given.statement), given.values)
    except (SQLAlchemyError, UnicodeError) as error:
        return f"{type(error).__name__}: {str(error)[:200]}"
    return ""
