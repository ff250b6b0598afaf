"""Which inputs are sent, by whom: drawn from the seed alone, so they can be sent again. Pure."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from deployments.bench.abuse import callers, messages, requests
from deployments.bench.abuse.files import draw_files
from deployments.bench.abuse.inputs import FileInput, HttpInput, RowInput
from deployments.bench.abuse.operations import Operation
from deployments.bench.abuse.requests import Known
from deployments.bench.abuse.rows import Column, draw_rows

_MESSAGES: Final = 0.12
_FILES: Final = 0.06
_ROWS: Final = 0.09
_GENERATED: Final = 0.4


@dataclass(frozen=True)
class Inputs:
    """Everything that is sent: requests and messages by their sender's label, files, rows."""

    sent: Mapping[str, Sequence[HttpInput]]
    files: Sequence[FileInput]
    rows: Sequence[RowInput]

    def __len__(self) -> int:
        return sum(map(len, self.sent.values())) + len(self.files) + len(self.rows)


def draw(  # noqa: D417
    seed: int,
    number: int,
    *,
    operations: Sequence[Operation],
    known: Known,
    generated: Mapping[str, Sequence[HttpInput]],
    columns: Sequence[Column],
    proofs: Mapping[str, str],
) -> Inputs:
    """So many inputs, the same of a seed each time.

    Every caller gets every operation before any of them again.

    Args:
        operations: What is served.
        known: What there is.
        generated: What schemathesis made of each operation.
        columns: What the web role may write.
        proofs: What a web tier that was taken over has seen of callers, by its means.
    """
    files = draw_files(seed, files_among(number))
    rows = draw_rows(seed, round(number * _ROWS), columns, proofs)
    left = number - len(files) - len(rows)
    spare = {name: itertools.cycle(cases) for name, cases in generated.items() if cases}
    sent = {}
    for place, label in enumerate(callers.NAMES):
        share = left // len(callers.NAMES) + (place < left % len(callers.NAMES))
        chance = random.Random(f"{seed} {label}")  # noqa: S311 - no secret
        sent[label] = list(_of_one(share, operations, known, spare, chance))
    return Inputs(sent, files, rows)


def files_among(number: int) -> int:
    """How many of so many inputs are files."""
    return round(number * _FILES)


def _of_one(
    number: int,
    operations: Sequence[Operation],
    known: Known,
    generated: Mapping[str, Iterator[HttpInput]],
    chance: random.Random,
) -> Iterator[HttpInput]:
    intake = next(each for each in operations if str(each) == f"POST {messages.PATH}")
    said = round(number * _MESSAGES / (1 - _FILES - _ROWS))
    made: list[HttpInput] = []
    for _, operation in zip(range(number - said), _shuffled(operations, chance), strict=False):
        cases = generated.get(str(operation))
        if cases is not None and chance.random() < _GENERATED:
            made.append(next(cases))
        else:
            made.append(requests.mutated(operation, known, chance))
    made += [messages.bad_message(chance.randrange(10**6), intake, chance) for _ in range(said)]
    chance.shuffle(made)
    # What deletes comes last, so that the others find their rows.
    yield from sorted(made, key=lambda each: "delete" in str(each.operation).lower())


def _shuffled(operations: Sequence[Operation], chance: random.Random) -> Iterator[Operation]:
    while True:
        yield from chance.sample(operations, len(operations))
