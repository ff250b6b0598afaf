"""What is closed at the end of a ``with``."""

from __future__ import annotations

from typing import Self


class Closing:
    """A context manager that closes itself, and is what its ``with`` gives."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of what is held."""
        raise NotImplementedError
