"""The demonstration's notifications: a channel that is a file, and rules on what it does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from rich.console import Console
from sqlalchemy import make_url
from sqlalchemy.orm import Session
from tenacity import Retrying, retry_if_result, stop_after_delay, wait_fixed

from blocks.errors import ProdOpsError
from deployments.notifier.delivering import directory_of
from deployments.stack.stack import Stack
from flows.common.callers import on_ops_side
from flows.common.database import make_engine, transaction
from flows.notifications.domain.words import ChannelKind, What
from flows.notifications.repository import channels, wishes
from flows.notifications.schemas import RuleForm

_CHANNEL: Final = "demo"
_FILE: Final = "demo.jsonl"
_ACTIONS: Final = ("submit_task", "fetch_payload_log", "campaign_provenance_sweep")
_SECONDS: Final = 30.0
_SHOWN: Final = 3


class NotNotified(ProdOpsError):
    """Nothing was told of what the demonstration did."""


def prepare(stack: Stack) -> None:
    """Make the channel, and the rules that send to it how its requests end."""
    url_file = stack.state_dir / "demo.url"
    url_file.write_text(f"file:{_FILE}\n")
    url_file.chmod(0o600)
    with _session(stack) as session:
        channels.add(
            session, _CHANNEL, ChannelKind.FILE,
            url_file=url_file, description="A file", is_open_to_watchers=True,
        )  # fmt: skip
        for action in _ACTIONS:
            form = RuleForm(channel=_CHANNEL, what=What.ACTION, name=action)
            wishes.save_rule(session, form, on_ops_side("demo"))


def show(stack: Stack, console: Console) -> None:
    """Print where the notifications went, and the last of them.

    Raises:
        NotNotified: There are none.
    """
    file = directory_of(stack.settings) / _FILE
    wait = Retrying(
        retry=retry_if_result(lambda titles: not titles),
        stop=stop_after_delay(_SECONDS),
        wait=wait_fixed(0.2),
        retry_error_callback=lambda _state: [],
    )
    if not (titles := wait(_titles, file)):
        raise NotNotified(f"no notification came to {file}")
    console.print(f"{len(titles)} notifications went to {file}, the last of them:", markup=False)
    for title in titles[-_SHOWN:]:
        console.print(f"  {title}", markup=False)


def _titles(file: Path) -> list[str]:
    if not file.exists():
        return []
    return [json.loads(line)["title"] for line in file.read_text().splitlines()]


@contextmanager
def _session(stack: Stack) -> Iterator[Session]:
    given = stack.environment("ops")
    engine = make_engine(
        make_url(given["PRODOPS_DATABASE_URL"]), passfile=Path(given["PRODOPS_DATABASE_PASSFILE"])
    )
    try:
        with transaction(engine) as session:
            yield session
    finally:
        engine.dispose()
