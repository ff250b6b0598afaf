"""Work on many names at a time: a few threads, and only so many results in memory."""

from __future__ import annotations

import itertools
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from typing import TypeVar

_Name = TypeVar("_Name")
_Result = TypeVar("_Result")


def in_parallel(
    work: Callable[[Sequence[_Name]], _Result],
    names: Iterable[_Name],
    *,
    size: int,
    threads: int,
) -> Iterator[_Result]:
    """Give `names` to `work` by the `size`, in threads; results in the order of the names.

    The first error is raised in its place, and nothing new is begun after it.
    """
    stopped = threading.Event()

    def begin(chunk: Sequence[_Name]) -> _Result:
        if stopped.is_set():
            raise CancelledError
        try:
            return work(chunk)
        except BaseException:
            stopped.set()  # here, because this thread takes the next chunk at once
            raise

    with ThreadPoolExecutor(threads, thread_name_prefix="rucio") as pool:
        running: deque[Future[_Result]] = deque()
        try:
            for chunk in chunks(names, size):
                running.append(pool.submit(begin, chunk))
                if len(running) > threads:
                    yield _first(running)
            while running:
                yield _first(running)
        finally:
            stopped.set()
            pool.shutdown(wait=True, cancel_futures=True)


def _first(running: deque[Future[_Result]]) -> _Result:
    """The result of the oldest, or the error for which it was not begun."""
    try:
        return running.popleft().result()
    except CancelledError:
        # A thread may be overtaken between taking a chunk and beginning it.
        errors = [other.exception() for other in running]
        raise next(
            each for each in errors if each and not isinstance(each, CancelledError)
        ) from None


def chunks(names: Iterable[_Name], size: int) -> Iterator[Sequence[_Name]]:
    """The names by the `size`."""
    iterator = iter(names)
    while chunk := list(itertools.islice(iterator, size)):
        yield chunk
