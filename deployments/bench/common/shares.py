"""Values that are shared out evenly over seeds: each block of seeds has every value once."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


def share(name: str, values: Sequence[T], seed: int) -> T:
    """The seed's share of the values: a block of as many seeds has each of them once."""
    block, place = divmod(seed, len(values))
    return shuffled(f"{name} {block}", values)[place]


def shuffled(name: str, values: Sequence[T]) -> list[T]:
    """The values in the order that the name gives."""
    return random.Random(name).sample(values, len(values))  # noqa: S311 - no secret
