"""How a TF file is cut into slices, and what is said of each. Pure.

Slices tile the file's range: fast-monitoring contract sections 1.8 and 4.
"""

from __future__ import annotations

import math
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from flows.workflows.domain.parameters import FastProcessing

SLICES: Final = "/topic/panda.slices"
WORKERS: Final = "/topic/panda.workers"
_LIFETIME_MILLISECONDS: Final = 12 * 3600 * 1000
_NAMES: Final = uuid.UUID("a1c0e6a4-3a52-5d0e-8e0c-4f7d9b8e2c31")


@dataclass(frozen=True, kw_only=True)
class Slice:
    """Time frames `first` to `last` of a TF file, both included."""

    slice_id: int
    tf_filename: str
    stf_filename: str | None
    first: int
    last: int

    @property
    def tf_count(self) -> int:
        """Number of time frames in it."""
        return self.last - self.first + 1

    @property
    def name(self) -> str:
        """Its own name: the TF file's, with its number."""
        base = self.tf_filename.removesuffix(".tf")
        return f"{base}_slice_{self.slice_id:03d}.tf"


def cut(
    tf_filename: str,
    stf_filename: str | None,
    *,
    first: int,
    last: int,
    parameters: FastProcessing,
) -> list[Slice]:
    """The slices of a TF file, without gap or overlap; the last one may be shorter."""
    frames = last - first + 1
    size = parameters.num_tf_per_slice or math.ceil(frames / parameters.slices_per_sample)
    return [
        Slice(
            slice_id=number,
            tf_filename=tf_filename,
            stf_filename=stf_filename,
            first=begin,
            last=min(begin + size - 1, last),
        )
        for number, begin in enumerate(range(first, last + 1, max(1, size)))
    ]


def slice_message(
    part: Slice, run_id: str, execution_id: str | None, at: datetime
) -> dict[str, Any]:
    """`slice`: what a worker needs of it. The same slice has the same `req_id` every time."""
    return {
        "msg_type": "slice",
        "run_id": run_id,
        "created_at": at.isoformat(),
        "content": {
            "run_id": run_id,
            "execution_id": execution_id,
            "req_id": str(uuid.uuid5(_NAMES, part.name)),
            "filename": part.stf_filename,
            "tf_filename": part.name,
            "slice_id": part.slice_id,
            "start": part.first,
            "end": part.last,
            "tf_count": part.tf_count,
            "state": "queued",
            "substate": "new",
        },
    }


def worker_message(
    msg_type: str,
    body: Mapping[str, Any],
    execution_id: str | None,
    parameters: FastProcessing,
    at: datetime,
) -> dict[str, Any]:
    """What the workers are told of a run: the DAQ's message, with what they are to be."""
    planned = parameters.model_dump(
        include={
            "core_count",
            "target_worker_count",
            "slice_processing_time",
            "worker_rampup_time",
            "worker_rampdown_time",
        }
    )
    return {
        "msg_type": msg_type,
        "run_id": str(body.get("run_id")),
        "created_at": at.isoformat(),
        "content": {**body, "execution_id": execution_id, **planned},
    }


def headers_of(body: Mapping[str, Any], namespace: str | None, *, is_kept: bool) -> dict[str, str]:
    """What a bus sends along: the workers select by `namespace` and `run_id`."""
    lifetime = {"ttl": str(_LIFETIME_MILLISECONDS)} if is_kept else {}
    return {
        "persistent": "true" if is_kept else "false",
        **lifetime,
        "vo": "eic",
        "msg_type": str(body["msg_type"]),
        "namespace": namespace or "none",
        "run_id": str(body.get("run_id") or "none"),
    }
