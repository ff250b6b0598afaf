"""A step of a run: a Prefect task that is repeated through a short outage."""

from __future__ import annotations

from functools import partial
from typing import Final

from blocks.errors import OutsideUnavailable
from blocks.rucio_catalog import IncompleteAnswer
from flows.common import steps

_DELAYS: Final = (1.0, 3.0, 8.0)
REPEATED: Final = (OutsideUnavailable, IncompleteAnswer)
"""What may be otherwise in a moment: an outage, or a dataset that went while it was read."""

step = partial(steps.step, delays=_DELAYS, repeated=REPEATED)
