"""The marks of `prodops provenance check` equal those of one query a request, on a real Rucio."""

from __future__ import annotations

import csv
import io

import pytest
import typer
from typer.testing import CliRunner

from deployments.cli.provenance.check import check, marks_of
from deployments.sandbox.grid.listing import parse_listing
from deployments.sandbox.grid.seed import seed
from flows.common.adapters import produced_catalog
from flows.common.settings import settings
from flows.common.sources import Sources
from flows.provenance.domain.marks import read_requests
from tests.grid import rucio_away
from tests.input_runs import rucio, runs
from tests.produced import SHARED
from tests.sweeps import ROOT, listed

pytestmark = pytest.mark.integration
__all__ = ["rucio", "runs"]

UPSILON = "EXCLUSIVE/UPSILON_ABCONV"
HEADER = "DSC or PWG,Priority,Dataset Path,Description\r\n"


def one_query_each(rucio, campaign: str, paths: list[str]) -> set[str]:
    """The hand script's answers: a `did list` for each request (ops contract section 3.6)."""
    with rucio.api("eicread") as api:

        def listed_at(pattern: str) -> list[str]:
            found = api.get("dids", "epic", "dids", "search", name=pattern, type="collection")
            return [name for name in found if name.startswith("/RECO/")]

        def is_there(path: str) -> bool:
            suffix = path.replace(ROOT, "").lstrip("/")
            if f"/{UPSILON}/" not in path:
                return bool(suffix) and bool(listed_at(f"/RECO*{campaign}*/{suffix}"))
            base = path.rpartition("/")[2].replace(".hepmc3.tree.root", "")
            files = [
                row["name"]
                for holder in listed_at(f"*{campaign}*/{UPSILON}")
                for row in api.get("dids", "epic", holder, "dids")
            ]
            return any(base in name and name.endswith(".eicrecon.edm4eic.root") for name in files)

        return {path for path in paths if path.startswith(ROOT) and is_there(path)}


def marks(campaign: str, paths: list[str]) -> set[str]:
    with produced_catalog(settings(), Sources(settings())) as catalog:
        return set(marks_of(catalog, "epic", campaign, paths))


def run(*arguments: str):
    app = typer.Typer()
    app.command()(check)
    return CliRunner().invoke(app, list(arguments))


def table(tmp_path, *rows: str):
    path = tmp_path / "requests.csv"
    path.write_bytes((HEADER + "".join(f"{row}\r\n" for row in rows)).encode())
    return path


_slow = [pytest.param(campaign, marks=pytest.mark.slow) for campaign in ("26.05.0", "26.07.1")]


@pytest.mark.slow
@pytest.mark.parametrize("campaign", ["26.06.0", *_slow])
def test_marks_of_a_real_campaign_equal_one_query_for_each_request(runs, rucio, campaign):
    place = SHARED / "produced" / f"RECO-{campaign}.txt"
    if not place.exists():
        pytest.skip("the shared inputs are not on this machine")
    seed(rucio, parse_listing(place.read_text()), max_files=2000)
    requests = read_requests((SHARED / "requests" / "datasets.csv").read_bytes().decode())
    paths = list(requests.paths)
    found = marks(campaign, paths)
    assert found == one_query_each(rucio, campaign, paths)
    assert len(found) > 25
    family = campaign.rpartition(".")[0]
    assert marks(family, paths) >= found


def test_marks_keep_the_hand_scripts_rules(runs, rucio, campaign):
    at = f"/RECO/{campaign}/epic_craterlake"
    seed(
        rucio,
        [
            listed(f"{at}/DIS/NC/10x100"),
            listed(f"{at}/Bkg_1/GoldCt/10um/DIS/CC/10x100"),
            listed(f"{at}/{UPSILON}"),
            listed(f"{at}/DIS/NC/10x1000/minQ2=1"),
            listed(f"/FULL/{campaign}/epic_craterlake/SIDIS/5x41"),
        ],
    )
    # Seeded files begin with the last part of their dataset's name.
    held, absent = f"{UPSILON}/UPSILON_ABCONV.hepmc3.tree.root", f"{UPSILON}/x.hepmc3.tree.root"
    suffixes = [
        "DIS/NC/10x100", "DIS/NC/10x100/", "DIS/CC/10x100", "NC/10x100", held, absent,
        "DIS/NC/10x1000", "minQ2=1", "SIDIS/5x41", "",
    ]  # fmt: skip
    paths = [f"{ROOT}/{each}" for each in suffixes] + ["/elsewhere/DIS/NC/10x100"]
    found = marks(campaign, paths)
    assert found == one_query_each(rucio, campaign, paths)
    assert f"{ROOT}/DIS/NC/10x100/" not in found
    assert f"{ROOT}/{held}" in found


def test_containers_and_wildcards_mark_as_they_do_for_the_hand_script(runs, rucio, campaign):
    at = f"/RECO/{campaign}/epic_craterlake"
    held = f"{at}/{UPSILON}/UPSILON_ABCONV"
    seed(rucio, [listed(f"{at}/DIS/NC/10x100/minQ2=1"), listed(f"{at}/DIS/5x41/q_x"), listed(held)])
    with rucio.api() as api:
        for name, child in ((f"{at}/SIDIS/all", f"{at}/DIS/5x41/q_x"), (f"{at}/{UPSILON}", held)):
            api.post("dids", "epic", name, body={"type": "CONTAINER"})
            children = {"dids": [{"scope": "epic", "name": child}]}
            api.post("dids", "epic", name, "dids", body=children)
    suffixes = [
        "SIDIS/all", "DIS/*/minQ2=1", "DIS/NC/*", "*", "DIS/*/minQ2=2", "DIS/5x41/q?x",
        "DIS/5x41/q[_]x", "DIS/5x41/*_x", f"{UPSILON}/UPSILON_ABCONV.hepmc3.tree.root",
        f"{UPSILON}/*.hepmc3.tree.root",
    ]  # fmt: skip
    paths = [f"{ROOT}/{each}" for each in suffixes]
    found = marks(campaign, paths)
    assert found == one_query_each(rucio, campaign, paths)
    marked = {path.removeprefix(f"{ROOT}/") for path in found}
    assert marked == {"SIDIS/all", "DIS/*/minQ2=1", "DIS/NC/*", "*", "DIS/5x41/*_x"}


def test_the_table_has_one_more_column_and_is_otherwise_the_same(runs, rucio, campaign, tmp_path):
    seed(rucio, [listed(f"/RECO/{campaign}/epic_craterlake/DIS/NC")])
    told = f'edt,1,{ROOT}/DIS/NC,"of two\r\nlines, and ""quotes"""'
    given = table(tmp_path, told, f"dis,2,{ROOT}/DIS/CC,")
    output = tmp_path / "out.csv"
    ended = run("--campaign", campaign, "--output", str(output), "--input", str(given))
    assert ended.exit_code == 0, ended.output
    rows = list(csv.DictReader(io.StringIO(output.read_bytes().decode(), newline="")))
    assert list(rows[0])[:3] == ["DSC or PWG", "Priority", f"In {campaign}?"]
    assert [row[f"In {campaign}?"] for row in rows] == ["X", ""]
    header = HEADER.replace("Priority,", f"Priority,In {campaign}?,")
    marked = told.replace("edt,1,", "edt,1,X,")
    assert output.read_bytes().decode() == f"{header}{marked}\r\ndis,2,,{ROOT}/DIS/CC,\r\n"


def test_a_rucio_that_is_away_marks_nothing_and_leaves_the_old_table(
    runs, rucio, campaign, tmp_path
):
    output = tmp_path / "out.csv"
    output.write_text("the old one")
    given = table(tmp_path, f"edt,1,{ROOT}/DIS/NC,")
    with rucio_away():
        ended = run("--campaign", campaign, "--output", str(output), "--input", str(given))
    assert ended.exit_code != 0
    assert output.read_text() == "the old one"
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_rows_that_cannot_be_read_are_named_and_left_out(runs, rucio, campaign, tmp_path):
    seed(rucio, [listed(f"/RECO/{campaign}/epic_craterlake/DIS/NC")])
    given, output = tmp_path / "excel.csv", tmp_path / "out.csv"
    text = f"\ufeffPriority;Dataset Path;Note\n1;{ROOT}/DIS/NC;\n2;{ROOT}/DIS/CC;a;b\n3;{ROOT}/x\n"
    given.write_bytes(text.encode())
    ended = run("--campaign", campaign, "--output", str(output), "--input", str(given))
    assert ended.exit_code == 1, ended.output
    assert "line 3 is left out: has 4 fields, the header 3" in ended.output
    assert output.read_bytes().decode() == (
        f"Priority;In {campaign}?;Dataset Path;Note\r\n1;X;{ROOT}/DIS/NC;\r\n3;;{ROOT}/x;\r\n"
    )


def test_a_table_without_paths_is_refused(runs, rucio, tmp_path):
    bad = tmp_path / "bad.csv"
    bad.write_text("a,b\n1,2\n")
    ended = run("--campaign", "26.05", "--output", str(tmp_path / "o"), "--input", str(bad))
    assert "no column 'Dataset Path'" in str(ended.exception)


def test_a_campaign_with_a_wildcard_is_no_name(runs, rucio, tmp_path):
    ended = run("--campaign", "26*", "--output", str(tmp_path / "o"))
    assert ended.exit_code == 2
