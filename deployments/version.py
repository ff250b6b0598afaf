"""What a part says of its own code, beside everything else that it says of itself."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Final

from deployments.schema import newest
from flows.common import version
from flows.common.version import Version

KEY: Final = "version"
"""In the details of a part's row."""


@lru_cache(maxsize=1)
def own() -> Version:
    """The code of this process, with the schema that it is made for."""
    return replace(version.present(), schema=newest())
