"""How a process of ours lets Prefect know a secret: in memory, and in no environment."""

from __future__ import annotations

import os
from importlib import import_module


def read_with(**secrets: str) -> None:
    """Have Prefect read its settings now, and these with them, by their environment names.

    It reads them once, as it is first imported. They are taken away again, since whatever the
    process starts inherits its environment, and shows it in /proc.
    """
    os.environ.update(secrets)
    try:
        import_module("prefect.context")
    finally:
        for name in secrets:
            del os.environ[name]
