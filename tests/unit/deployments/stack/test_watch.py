"""What was given up is tried again, and a listener hears of everything."""

from pathlib import Path

import pytest

from deployments.stack import watch
from deployments.stack.layout import Layout
from deployments.stack.watch import Happening, Kind, Watch


class FakeControl:
    def __init__(self) -> None:
        self.started: list[str] = []

    def start(self, name: str) -> None:
        self.started.append(name)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = Layout(tmp_path)
    layout.create()
    return layout


def write(layout: Layout, *lines: str) -> None:
    with layout.supervisor_log.open("a") as log:
        log.writelines(f"2026-11-22 23:37:12,208 {line}\n" for line in lines)


def test_a_part_that_was_given_up_is_started_again_after_a_pause(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
):
    control = FakeControl()
    looking = Watch(layout, control, lambda _: None)
    write(layout, "INFO gave up: api entered FATAL state, too many")

    looking.step()
    assert control.started == []

    monkeypatch.setattr(watch.time, "monotonic", lambda: float("inf"))
    looking.step()
    looking.step()
    assert control.started == ["api"]
    looking.close()


def test_the_listener_hears_what_happens_from_now_on(layout: Layout):
    heard: list[Happening] = []
    write(layout, "INFO spawned: 'api' with pid 1")
    looking = Watch(layout, FakeControl(), heard.append)
    write(layout, "WARN exited: api (exit status 1; not expected)")

    looking.step()

    assert heard == [Happening(Kind.ENDED, "api", "exit status 1")]
    assert looking.exits["api"] == 1
    looking.close()
