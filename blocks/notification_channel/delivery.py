"""Hands a message to a channel: in a process of its own, which is killed at its time limit."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from blocks.notification_channel.errors import (
    ChannelRefused,
    ChannelUnavailable,
    ChannelUnknown,
    RecipientPutOff,
    RecipientRefused,
)
from blocks.outside_calls import System, counted

_ERRORS: Final = {
    "recipient_refused": RecipientRefused,
    "recipient_put_off": RecipientPutOff,
    "refused": ChannelRefused,
    "unavailable": ChannelUnavailable,
    "unknown": ChannelUnknown,
}
_START_SECONDS: Final = 20.0  # to import the clients, on a machine under load
_FILE: Final = "file"
_HANDING_OVER: Final = "handing_over"


@dataclass(frozen=True, kw_only=True)
class Order:
    """What is to be delivered, and where to.

    Attributes:
        kind: Kind of the channel.
        url: Its URL, with its secrets.
        title: The message in a line.
        plain: The message without markup.
        markdown: The same in the markup of its kind; foreign text stands in code spans.
        key: What it is, once for all; by it a mailbox knows one that comes twice.
        address: Mail address of the one who gets it; empty: whom the URL names.
        seconds: How long it may take.
        is_local_allowed: Whether the channel may lead to this machine.
    """

    kind: str
    url: str
    title: str
    plain: str
    markdown: str
    key: str
    address: str = ""
    seconds: float = 10.0
    is_local_allowed: bool = False


def deliver(order: Order, *, directory: Path, environment: Mapping[str, str]) -> None:
    """Deliver a message.

    Args:
        order: The message, and where to.
        directory: Where channels of the kind `file` have their files.
        environment: What the process is given beside this one's environment.

    Raises:
        ChannelRefused: It will not be taken; a `RecipientRefused` where others' may be.
        ChannelUnavailable: It was not taken this time; a `RecipientPutOff` likewise.
        ChannelUnknown: Nobody knows whether it was taken.
    """
    if order.kind == _FILE:
        _append(order, directory)
        return
    with counted(System.CHANNEL):
        _deliver(order, environment)


def _deliver(order: Order, environment: Mapping[str, str]) -> None:
    said, is_late = _hand_over(order, environment)
    outcome = next((each["outcome"] for each in said if "outcome" in each), None)
    if outcome == "sent":
        return
    if outcome is None:
        raise _unfinished(order, said, is_late=is_late)
    reasons = [each["error"] for each in said if "error" in each]
    raise _ERRORS[outcome](reasons[0].replace(order.url, "its URL"))


def _hand_over(order: Order, environment: Mapping[str, str]) -> tuple[list[dict[str, str]], bool]:
    """What the process said, and whether it was ended at its time limit.

    What it says last is missing where it was ended, or broke.
    """
    is_late = False
    with subprocess.Popen(
        [sys.executable, "-m", "blocks.notification_channel.hand_over"],
        env=os.environ | environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            text, _ = process.communicate(json.dumps(asdict(order)), _START_SECONDS + order.seconds)
        except subprocess.TimeoutExpired:
            is_late = True
            process.kill()
            text, _ = process.communicate()
    said = [json.loads(line) for line in text.splitlines() if line.endswith("}")]
    return said, is_late or process.returncode == -signal.SIGALRM


def _unfinished(
    order: Order, said: list[dict[str, str]], *, is_late: bool
) -> ChannelUnknown | ChannelUnavailable:
    """What it means that the process did not come to its end.

    A chat server that hangs has most likely taken nothing, so an HTTP request is made again; what
    is handed over otherwise, as a mail is, may be taken, and so may be what is cut off by something
    else (decision 0072).
    """
    steps = {each["step"] for each in said if "step" in each}
    if steps and not is_late:
        return ChannelUnknown("its delivery broke off: nobody knows whether it was taken")
    text = f"it was not handed over within {order.seconds:g} s"
    return ChannelUnknown(text) if _HANDING_OVER in steps else ChannelUnavailable(text)


def _append(order: Order, directory: Path) -> None:
    """Append the message to a file below the directory, as a line of JSON."""
    name = order.url.removeprefix("file:").lstrip("/")
    path = (directory / name).resolve()
    if not name or not path.is_relative_to(directory.resolve()):
        raise ChannelRefused(f"the URL must be file:NAME, of a file in {directory}")
    line = {"key": order.key, "title": order.title, "plain": order.plain}
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(line) + "\n")
    except OSError as error:
        raise ChannelUnavailable(f"{path.name}: {error.strerror}") from None
