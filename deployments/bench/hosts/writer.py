"""A process that is cut off in the midst of writing an event: all others wait for its lock."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Final

from sqlalchemy import event
from sqlalchemy.orm import Session

from flows.common import events
from flows.common.database import PART_LIMITS, make_engine, transaction

_CUT_OFF_SECONDS: Final = 600.0


def main(said: Path) -> None:
    """Write an event, and do not commit it; `said` is a file that is made when it is so far."""

    def stop(_session: Session) -> None:
        said.touch()
        time.sleep(_CUT_OFF_SECONDS)

    with transaction(make_engine(pool_size=1, limits=PART_LIMITS)) as session:
        event.listen(session, "before_commit", stop)
        events.commit(session, [events.message_event({"msg_type": "bench", "namespace": "bench"})])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
