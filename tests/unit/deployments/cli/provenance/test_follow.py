"""How far a sweep is, as a terminal is shown it."""

from __future__ import annotations

from contextlib import redirect_stderr

import pytest

from deployments.cli.provenance import follow


@pytest.mark.parametrize(
    ("done", "total", "shown"),
    [(1012, 1013, "1012/1013"), (1013, 1013, "1013/1013"), (3, 0, "3/?")],
)
def test_the_bar_says_how_many_of_how_many_and_no_per_cent(screen, done, total, shown):
    """A rounded percentage would say that 1012 of 1013 are all."""
    with redirect_stderr(screen), follow._display() as show:
        show("reading files", done, total)
    assert shown in screen.getvalue().replace(" ", "")
    assert "%" not in screen.getvalue()


def test_what_is_no_terminal_gets_the_words_only(capsys):
    with follow._display() as show:
        show("reading files", 1012, 1013)
        show("reading files", 1013, 1013)  # within five seconds of the last line
    assert capsys.readouterr().err == "reading files\n"
