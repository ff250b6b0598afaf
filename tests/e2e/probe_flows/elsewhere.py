"""What runs of another pool do before their work, for the tests of what ends them."""

from __future__ import annotations

import hashlib
import re
import subprocess
import time


def wait() -> None:
    """Wait for ever, with a process of its own that would go on; any signal interrupts it."""
    subprocess.Popen(["sleep", "600"], process_group=0)
    while True:
        time.sleep(0.1)


def take_20_seconds() -> None:
    """Take longer than the lease."""
    time.sleep(20)


def swallow() -> None:
    """Go on whatever is raised in it."""
    while True:
        try:
            wait()
        except BaseException:  # noqa: BLE001 - that is what it is for
            continue


def hang_in_c() -> None:
    """Hang in a C call of hours, which no handler of a signal interrupts."""
    hashlib.pbkdf2_hmac("sha256", b"x", b"y", 2**31 - 1)


def hold_the_interpreter() -> None:
    """Hang in a C call in which no thread of Python goes on."""
    re.match("(a+)+$", "a" * 64 + "b")
