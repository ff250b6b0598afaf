"""What `prodops provenance check` says of the table that it was given."""

from __future__ import annotations

import sys
from contextlib import nullcontext

import pytest
import typer
from typer.testing import CliRunner

from deployments.cli.provenance.check import check

ROW = ("Priority", "Dataset Path", "Note")


@pytest.mark.parametrize(("separator", "word"), [(",", "comma"), (";", "semicolon"), ("\t", "tab")])
def test_the_separator_is_named_and_kept(monkeypatch, tmp_path, separator, word):
    module = sys.modules["deployments.cli.provenance.check"]
    monkeypatch.setattr(module, "marks_of", lambda *_: {"/x": ["/RECO/x"]})
    monkeypatch.setattr("deployments.access.join_stack", lambda: None)
    monkeypatch.setattr("flows.common.adapters.produced_catalog", lambda *_: nullcontext())
    given, output = tmp_path / "in.csv", tmp_path / "out.csv"
    given.write_text("".join(f"{separator.join(each)}\n" for each in (ROW, ("1", "/x", ""))))
    app = typer.Typer()
    app.command()(check)
    options = ["--campaign", "26.05.0", "--input", str(given), "--output", str(output)]
    ended = CliRunner().invoke(app, options)
    assert ended.exit_code == 0, ended.output
    assert f"fields are separated by a {word}\n" in ended.stderr
    marked = separator.join(("Priority", "In 26.05.0?", "Dataset Path", "Note"))
    assert output.read_text().splitlines()[0] == marked
