"""What is said of a production task and a number at PanDA. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from flows.submission.models import RemarkKind


@dataclass(frozen=True)
class Remark:
    """Something about a production task and a number at PanDA that an operator must know."""

    kind: RemarkKind
    task_name: str
    panda_name: str
    jedi_task_id: int
    text: str
