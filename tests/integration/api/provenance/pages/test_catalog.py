"""The catalog page, its CSV and its JSON: what they show of what the last sweep left."""

from __future__ import annotations

import csv
import html
import io
import re
from datetime import timedelta
from urllib.parse import parse_qsl

import pytest
from sqlalchemy import text

from api.provenance.queries.selection import Selection
from blocks.rucio_catalog import DatasetReplica, DidMetadata
from flows.common.database import now, transaction
from flows.provenance.domain.availability import assess
from flows.provenance.models import (
    SweepState,
)
from tests.cases import same
from tests.pcs_client import Pcs
from tests.produced import (
    CONFIG,
    DATASET,
    NAME,
    OTHER,
    ROOT,
    SUFFIX,
    SweptCampaign,
    campaign_of_each_kind,
    listed,
    load_listing,
    produced,
    requested_rows,
)

pytestmark = pytest.mark.integration


@pytest.fixture
def campaign(database) -> SweptCampaign:
    return campaign_of_each_kind(database.ops_engine)


@pytest.fixture
def reader(served_api):
    """A browser that has not been here before, and keeps no cookie."""
    with served_api.client(token=None) as browser:
        yield browser


def show(reader, query: str = "", *, status: int = 200) -> str:
    answer = reader.get(f"/pcs/catalog/?campaign={NAME}&{query}")
    assert answer.status_code == status, answer.text
    return html.unescape(answer.text)


def bars_of(page: str) -> list[str]:
    """What each row of the requested paths says of its files."""
    return re.findall(r'bar-words">([^<]*)<', paths_of(page))


def paths_of(page: str) -> str:
    """The table of the requested paths."""
    return page.split('id="paths"', 1)[1].split("</table>", 1)[0]


def rows_of(page: str) -> list[tuple[str, str]]:
    """Each row's path and produced DID, or nothing."""
    rows = re.findall(r"<tr data-finding.*?</tr>", paths_of(page), re.DOTALL)
    return [
        (re.search(rf'class="suffix" title="{ROOT}/([^"]*)"', row)[1],
         (re.search(r'class="hint block made"><a href="[^"]*did=([^"]*)"', row) or ["", ""])[1])
        for row in rows
    ]  # fmt: skip


FOUND = {
    "": 6,
    "finding=found": 4,
    "finding=missing": 2,
    "finding=unknown": 0,
    "completeness=complete": 1,
    "completeness=replicating": 2,
    "completeness=tape": 0,
    "completeness=incomplete": 1,
    "completeness=available": 3,
    "rse=NEW-XRD": 2,
    "rse=BNL-XRD": 4,
    "rse=NO-XRD": 0,
    "requestor=sidis": 1,
    "requestor=-": 1,
    "priority=3": 1,
    f"detector={OTHER}": 1,
    "rule=background": 1,
    "stage=RECO": 4,
    "stage=FULL": 0,
    "q=SIDIS": 1,
    "q=zdc+minQ2": 1,
    "q=%25": 0,
    "stale=1": 0,
    "page=2": 0,
}


def test_the_catalog_shows_what_its_address_asks_for(campaign, reader):
    assert {query: len(rows_of(show(reader, query))) for query in FOUND} == FOUND


def test_a_path_has_a_row_for_each_detector_configuration(campaign, reader):
    found = rows_of(show(reader, f"q={SUFFIX}"))
    dids = [f"epic:/RECO/{NAME}/{config}/{SUFFIX}" for config in (CONFIG, OTHER)]
    assert found == [(SUFFIX, did.replace("=", "%3D")) for did in dids]


def test_the_catalog_is_sorted_both_ways(campaign, reader):
    for sort in ("path", "finding", "completeness", "files", "bytes", "requestor", "priority"):
        up = rows_of(show(reader, f"sort={sort}"))
        down = rows_of(show(reader, f"sort=-{sort}"))
        assert sorted(up) == sorted(down), sort
        assert up != down, sort


def test_a_row_tells_rules_sites_suggestions_and_reasons(campaign, reader):
    page = show(reader).replace("<wbr>", "")
    for told in (
        "NEW-XRD <b>5/34</b>", "behind Bkg_Exact1S_2us/GoldCt/10um", ">background</span>",
        "Rucio has nothing of that path", "another version:", "Produced, but not requested",
        f"{CONFIG}/DIS/extra",
    ):  # fmt: skip
        assert told in page


def test_what_is_counted_is_what_the_rows_show(campaign, reader):
    page = show(reader)
    tiles = dict(re.findall(r"<dt>([^<]*)</dt><dd>([^ <]*)", page))
    told = {name: tiles[name] for name in ("Requested paths", "Found", "Complete", "Replicating",
                                          "Incomplete", "Missing", "Datasets")}  # fmt: skip
    assert told == {"Requested paths": "5", "Found": "3", "Complete": "1", "Replicating": "1",
                    "Incomplete": "1", "Missing": "2", "Datasets": "6"}  # fmt: skip


def test_counts_that_contradict_are_shown_as_that_and_nothing_short_of_all_is_100(campaign, reader):
    words = "BNL-XRD: its summary counts 30 files, and 1013 files are listed"
    campaign.path(
        "DDIS/5x41", configs=[CONFIG], files={"BNL-XRD": (1012, 1013)},
        dataset={"contradictions": [words]},
    )  # fmt: skip
    campaign.path(
        "DDIS/10x100", configs=[CONFIG], files={"BNL-XRD": (0, 517), "JLAB-TAPE-SE": (517, 517)}
    )
    page = show(reader, "q=DDIS")
    assert words in page
    assert "99.9\u202f%" in page
    assert bars_of(page) == ["0\u202f%", "99.9\u202f%"]
    assert "on tape only" in page
    assert re.search(r"<dt>Contradictory counts</dt><dd>1", page)


@pytest.mark.parametrize(
    ("summary", "shown"),
    [((36, 34), []), ((36, 36), []), ((0, 0), ["0\u202f%"]), ((30, 30), ["88.2\u202f%"])],
)
def test_a_row_whose_counts_contradict_is_incomplete_in_every_form(
    campaign, reader, summary, shown
):
    """As a sweep leaves it, of a closed dataset with 34 files."""
    found = assess(
        DidMetadata("epic", "/x", "DATASET", 34, None, None, False, None, None, {}),
        [DatasetReplica("BNL-XRD", summary[1], summary[0], None, None, "", None, None, {})],
        34,
        rse_types={"BNL-XRD": "DISK"},
    )
    (words,) = found.contradictions[:1]
    campaign.path("DDIS/5x41", configs=[CONFIG], dataset={
        "rses": list(found.rses), "file_count": 34, "counted_files": 34, "length": 34,
        "availability": found.availability, "contradictions": list(found.contradictions),
    })  # fmt: skip
    page = show(reader, "q=DDIS")
    assert words in page
    assert "no files" not in page
    assert bars_of(page) == shown  # neither 106 % nor all
    assert ("not known" in page) is not bool(shown)
    tiles = dict(re.findall(r"<dt>([^<]*)</dt><dd>([^ <]*)", page))
    assert (tiles["Complete"], tiles["Incomplete"]) == ("1", "2")  # each with one of the others
    (row,) = table(reader, "q=DDIS")
    assert (row["availability"], words in row["contradictions"]) == ("incomplete", True)


def test_a_task_of_another_campaign_is_shown_as_one_that_requested_it(campaign, reader):
    campaign.path("DDIS/a", configs=[CONFIG], tasks=["draft", "own"], campaign_tasks=["own"])
    campaign.path("DDIS/b", configs=[CONFIG], tasks=["draft", "other"], campaign_tasks=[])
    page = show(reader, "q=DDIS")
    assert page.count("requested by") == 1
    assert re.search(
        r"requested by</span> <a [^>]*>draft</a> <span class=\"hint\">and 1 more", page
    )
    rows = {row["suffix"]: (row["tasks"], row["requested_by"]) for row in table(reader, "q=DDIS")}
    assert rows == {"DDIS/a": ("own", "draft"), "DDIS/b": ("", "draft other")}


def test_a_failed_sweep_is_told_with_the_age_of_what_stands(campaign, reader):
    at = now()
    campaign.swept(
        SweepState.FAILED, error="401: token <expired>", attempted_at=at + timedelta(hours=2)
    )
    page = show(reader)
    assert "The last look failed" in page
    assert "401: token <expired>" in page
    assert "What stands here is of" in page
    assert page.count(" old</span>") == 6
    assert len(rows_of(page)) == 6
    assert len(rows_of(show(reader, "stale=1"))) == 6


def test_an_old_sweep_is_told_to_be_stale(database, reader):
    swept = SweptCampaign(database.ops_engine, NAME, now() - timedelta(hours=40))
    swept.swept()
    swept.path(SUFFIX, configs=[CONFIG])
    page = show(reader, "stale=1")
    assert "This is old:" in page
    assert "40" in page
    assert len(rows_of(page)) == 1


def test_a_campaign_that_was_never_swept_says_so(api, reader):
    Pcs(api).add("campaigns", name=NAME)
    assert "was never looked at" in show(reader)


def test_an_unknown_campaign_is_404_and_names_the_known_ones(campaign, reader):
    answer = reader.get("/pcs/catalog/?campaign=99.01.0")
    assert answer.status_code == 404
    assert "99.01.0" in answer.text
    assert NAME in answer.text


def test_without_a_campaign_the_page_says_how_to_begin(reader):
    answer = reader.get("/pcs/catalog/")
    assert (answer.status_code, "No campaign yet" in answer.text) == (200, True)


def test_the_current_campaign_is_shown_by_itself(campaign, reader, api):
    Pcs(api).add("campaigns", name="26.06.0")
    Pcs(api).good("POST", "campaigns/26.06.0/set-current/")
    assert "Campaign 26.06.0" in reader.get("/pcs/catalog/").text


def test_a_family_shows_what_all_its_editions_hold(database, reader):
    family = SweptCampaign(database.ops_engine, "26.07")
    family.swept()
    family.path(SUFFIX)
    with transaction(database.ops_engine) as session:
        session.add(produced(f"/RECO/26.07.1/{CONFIG}/x/y", files={"BNL-XRD": (1, 1)}))
    page = reader.get("/pcs/catalog/?campaign=26.07").text
    assert f"did=epic:/RECO/26.07.1/{CONFIG}/x/y" in page


ODD = ("sort=drop", "page=0", "page=99999999999999", "stale=%00", "q=%ed%a0%80", "rse=no-such")


def test_an_order_or_page_that_makes_no_sense_is_the_first(campaign, reader):
    told = {query: reader.get(f"/pcs/catalog/?{query}").status_code for query in ODD}
    assert set(told.values()) == {200}, told


# A + that was not written %2B arrives as a blank.
REFUSED = {
    "q=SINGLE/e%2B+": "q: ", "q=SINGLE/e+": "write + as %2B", "q=+e": "q: ", "q=e++p": "q: ",
    "q=" + "x" * 501: "longer than 500", "q=%00": "NUL", "rse=%00": "rse: ",
    "detector=%00": "detector: ", "requestor=%00": "requestor: ", "campaign=%00": "campaign: ",
    "finding=x": "found, missing, unknown", "finding=found+": "finding: 'found '",
    "completeness=all": "completeness: ", "rule=version": "rule: ", "priority=x": "priority: ",
    "priority=1+": "priority: ", "priority=99999999999": "priority: ",
}  # fmt: skip


@pytest.mark.parametrize("query", same(*REFUSED))
def test_a_filter_that_cannot_be_meant_is_refused_in_words_and_never_left_out(
    campaign, reader, query
):
    answers = [
        reader.get(f"/pcs/catalog{form}?campaign={NAME}&{query}") for form in ("/", ".csv", ".json")
    ]
    if not query.startswith("campaign"):
        answers.append(reader.get(f"/api/provenance/campaigns/{NAME}/paths/?{query}"))
    assert [each.status_code for each in answers] == [400] * len(answers)
    assert all(REFUSED[query] in html.unescape(each.text) for each in answers[:3])


def test_a_name_is_taken_exactly(campaign, reader):
    campaign.path("SINGLE/e+/1GeV", configs=[CONFIG])
    campaign.path("SINGLE/e-/1GeV", configs=[CONFIG])
    assert [suffix for suffix, _ in rows_of(show(reader, "q=SINGLE/e%2B"))] == ["SINGLE/e+/1GeV"]
    for query in ("detector=epic_craterlake+", "rse=BNL-XRD+", "stage=reco", "requestor=edt+"):
        assert rows_of(show(reader, query)) == [], query
    for campaign_asked in (f"{NAME}+", f"+{NAME}", f"{NAME}/"):
        assert reader.get(f"/pcs/catalog/?campaign={campaign_asked}").status_code == 404


def test_twins_have_each_their_own_name_and_numbers(campaign, reader):
    twins = {
        f"/RECO/{NAME}/{CONFIG}/SINGLE/e-/1GeV": 3,
        f"/RECO/{NAME}/{CONFIG}/SINGLE/e-/1GeV/": 5,
        f"/RECO/{NAME}/{CONFIG}//SINGLE/e-/1GeV": 7,
    }
    with transaction(campaign.engine) as session:
        for name, number in twins.items():
            session.add(
                produced(name, files={"BNL-XRD": (number, number)}, suffix="SINGLE/e-/1GeV")
            )
    page = show(reader).replace("<wbr>", "")
    assert page.count(">unreachable</span>") == 2
    for name, number in twins.items():
        link = f"/pcs/did/?did=epic:{name}"
        assert f'href="{link}"' in page
        shown = reader.get(link)
        assert shown.status_code == 200
        assert f"<dt>Files</dt><dd>{number}</dd>" in shown.text
        told = reader.get(f"/api/provenance/dids/?did=epic:{name}").json()
        assert (told["dataset"]["did"], told["dataset"]["file_count"]) == (f"epic:{name}", number)


def test_a_name_of_signs_that_no_page_is_for_is_shown_without_a_link(campaign, reader):
    campaign.unmatched("odd name")
    page = show(reader).replace("<wbr>", "")
    assert "odd name" in page
    assert "did=epic:/RECO/26.05.0/epic_craterlake/odd" not in page


def test_the_page_never_reads_the_files(campaign, reader, database):
    with transaction(database.ops_engine) as session:
        session.execute(text("DROP TABLE provenance_file"))
    assert len(rows_of(show(reader))) == 6


_SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in ("26.05.0", "26.07.1")]


@pytest.mark.parametrize("name", ["26.06.0", *_SLOW])
def test_the_counts_are_those_of_the_real_listing(database, reader, name):
    load_listing(database.ops_engine, name)
    found = reader.get(f"/api/provenance/campaigns/{name}/").json()
    names = {each.name for each in listed(name)}
    assert found["counts"]["requested"] == len({row["Dataset Path"] for row in requested_rows()})
    assert found["counts"]["datasets"] == len(names)
    assert found["counts"]["files"] == sum(
        max((total for _, total in each.rses.values()), default=0) for each in listed(name)
    )


# ------------------------------------------------------------------ CSV and JSON


def table(reader, query: str = "") -> list[dict[str, str]]:
    answer = reader.get(f"/pcs/catalog.csv?campaign={NAME}&{query}")
    assert answer.headers["content-type"].startswith("text/csv")
    return list(csv.DictReader(io.StringIO(answer.text)))


def test_a_selection_is_given_as_csv(campaign, reader):
    assert {query: len(table(reader, query)) for query in FOUND if "page" not in query} == {
        query: count for query, count in FOUND.items() if "page" not in query
    }
    first = table(reader, f"detector={OTHER}")[0]
    assert first["did"] == f"epic:/RECO/{NAME}/{OTHER}/{SUFFIX}"
    assert first["rses"] == "BNL-XRD 34/34; NEW-XRD 5/34"
    assert (first["files_available"], first["files_total"]) == ("34", "34")
    assert (first["complete"], first["availability"]) == ("no", "replicating")


def test_csv_holds_no_formula(campaign, reader):
    campaign.path("=cmd|x", requestor="=HYPERLINK(1)", reason="@x", tasks=["-1+1"])
    row = table(reader, "q=cmd")[0]
    assert (row["requestor"], row["reason"]) == ("'=HYPERLINK(1)", "'@x")
    assert (row["tasks"], row["requested_by"]) == ("", "'-1+1")


def test_a_selection_is_given_as_json(campaign, reader):
    told = reader.get(f"/pcs/catalog.json?campaign={NAME}&finding=found&sort=-files").json()
    assert (told["campaign"]["campaign"], told["campaign"]["state"]) == (NAME, "ok")
    first = told["results"][0]
    assert (first["requested_path"], first["detector_config"]) == (f"{ROOT}/{SUFFIX}", CONFIG)
    assert [each["did"] for each in first["dids"]] == [f"epic:{DATASET}"]
    assert len(told["results"]) == 4


def test_an_export_of_an_unknown_campaign_is_404(campaign, reader):
    for kind in ("csv", "json"):
        answer = reader.get(f"/pcs/catalog.{kind}?campaign=99")
        assert (answer.status_code, "99" in answer.text) == (404, True)


def test_the_address_survives_its_own_links():
    wanted = Selection.of({"q": "a b", "finding": "found", "campaign": NAME, "stale": "1"})
    assert Selection.of(dict(parse_qsl(wanted.query()))) == wanted
