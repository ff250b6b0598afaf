"""The catalog, DID and report pages in Chromium: a sweep is followed live, and all reads well."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import update

from flows.common import events
from flows.common.claims import Claim
from flows.common.database import now, transaction
from flows.common.models import Request, RequestState
from flows.provenance import messages
from flows.provenance.models import CompletionReport, LiveDid, SweepState
from tests.browser import visits
from tests.browser.visits import OVERFLOW, PHONE, begin_visit
from tests.integration.api.provenance.pages.test_did import body_of
from tests.pcs_client import Pcs
from tests.produced import SweptCampaign, load_listing

pytestmark = pytest.mark.browser

chromium = visits.chromium
NAME = "26.05.0"
CONFIG = "epic_craterlake"
DID = f"epic:/RECO/{NAME}/{CONFIG}/DIS/NC/10x100/minQ2=1"
LONGEST = (
    f"epic:/RECO/{NAME}/{CONFIG}/BACKGROUNDS/BEAMGAS/electron/coulomb/EIC_ESR_Xsuite/"
    "dataprod_rel_1.0.1/10x275/10000Ahr/MachineRuntime50s"
)
SWEEP = "campaign_provenance_sweep"


@pytest.fixture
def visit(chromium, served_api):
    visit = begin_visit(chromium, served_api.url)
    visit.sign_in(served_api.token)
    yield visit
    visit.page.context.close()
    told = [each for each in visit.complaints if "status of 40" not in each]
    assert (told, visit.strangers) == ([], [])


@pytest.fixture
def campaign(api, database) -> SweptCampaign:
    """A current campaign with a found and a missing path."""
    pcs = Pcs(api)
    pcs.add("campaigns", name=NAME)
    pcs.good("POST", f"campaigns/{NAME}/set-current/")
    swept = SweptCampaign(database.ops_engine, NAME)
    swept.swept()
    swept.path(
        "DIS/NC/10x100/minQ2=1", configs=[CONFIG], files={"BNL-XRD": (34, 34), "EIC-XRD": (5, 34)}
    )
    swept.path("DIS/NC/5x41/minQ2=1")
    return swept


SUMMARY = dict.fromkeys(messages.SweepSummary.model_fields, 0)


class OpsSide:
    """Does what a flow would do for a request, and says so."""

    def __init__(self, database, action: str) -> None:
        self.engine = database.ops_engine
        self.action = action

    def holder(self) -> Claim:
        with transaction(self.engine) as session:
            [row] = session.query(Request).filter_by(action=self.action, finished_at=None)
            return Claim(row.id, 0, None)

    def progress(self, **fields: object) -> None:
        self._tell(messages.progress(self.action, self.holder(), **fields))

    def end(self, *, state: RequestState = RequestState.COMPLETED, **fields: object) -> None:
        holder = self.holder()
        with transaction(self.engine) as session:
            ended = {"state": state, "finished_at": now()}
            session.execute(update(Request).where(Request.id == holder.request_id).values(ended))
        self._tell(messages.ended(self.action, holder, **fields))

    def _tell(self, event: events.NewEvent) -> None:
        with transaction(self.engine) as session:
            events.commit(session, [event])


def words(page: Page):
    return page.locator("#work-words")


@pytest.mark.slow
def test_what_is_typed_into_the_search_is_taken_without_blanks_and_with_its_plus(visit, campaign):
    campaign.path("SINGLE/e+/1GeV", configs=[CONFIG])
    campaign.path("SINGLE/e-/1GeV", configs=[CONFIG])
    visit.open("/pcs/catalog/")
    search = visit.page.get_by_role("searchbox")
    search.fill("  SINGLE/e+   1GeV ")
    search.press("Enter")
    expect(visit.page.locator("#paths tbody tr")).to_have_count(1)
    expect(visit.page.get_by_role("searchbox")).to_have_value("SINGLE/e+ 1GeV")


def test_a_sweep_is_followed_from_the_button_to_its_end(visit, campaign, database):
    ops = OpsSide(database, SWEEP)
    visit.open("/pcs/catalog/")
    visit.page.get_by_role("button", name="Sweep now").click()
    expect(words(visit.page)).to_have_text("Queued.")
    ops.progress(campaign=NAME, done=120, total=405, text="Reading the files of datasets.")
    expect(words(visit.page)).to_contain_text("120 of 405")
    campaign.path("DIS/NC/5x41/minQ2=10", configs=[CONFIG])
    ops.end(campaign=NAME, ok=True, summary=SUMMARY | {"requested": 3, "found": 2, "complete": 1})
    expect(words(visit.page)).to_have_text(
        "Done. 2 of 3 requested paths were found, 1 of them complete."
    )
    expect(visit.page.locator("#paths tbody tr")).to_have_count(3)
    expect(visit.page.locator("#connection-words")).to_have_text("Live")


@pytest.mark.slow
def test_a_failed_sweep_is_said_loudly_and_what_was_known_stays(visit, campaign, database):
    ops = OpsSide(database, SWEEP)
    visit.open("/pcs/catalog/")
    visit.page.get_by_role("button", name="Sweep now").click()
    expect(words(visit.page)).to_have_text("Queued.")
    campaign.swept(
        SweepState.FAILED, error="Rucio does not answer: connection refused", attempted_at=now()
    )
    ops.end(state=RequestState.FAILED, campaign=NAME, ok=False, error="Rucio does not answer")
    expect(words(visit.page)).to_contain_text("It failed: Rucio does not answer")
    expect(visit.page.get_by_role("alert")).to_contain_text("connection refused")
    expect(visit.page.locator("#paths tbody tr")).to_have_count(2)
    visit.shot("catalog-failed")


@pytest.mark.slow
def test_an_end_that_no_event_told_is_seen_by_asking(visit, campaign, database):
    ops = OpsSide(database, SWEEP)
    visit.follow_alone()
    visit.page.route("**/api/messages/stream/*", lambda route: route.abort())
    visit.open("/pcs/catalog/")
    visit.page.get_by_role("button", name="Sweep now").click()
    expect(words(visit.page)).to_have_text("Queued.")
    ops.end(campaign=NAME, ok=True, summary=SUMMARY)
    expect(words(visit.page)).to_have_text("Done.")
    visit.complaints = [each for each in visit.complaints if "ERR_FAILED" not in each]


@pytest.mark.slow
def test_an_answer_about_an_earlier_sweep_does_not_end_the_next(visit, campaign, database):
    ops = OpsSide(database, SWEEP)
    held = visit.hold(r"/\?after=")
    visit.open("/pcs/catalog/")
    button = visit.page.get_by_role("button", name="Sweep now")
    button.click()
    expect(words(visit.page)).to_have_text("Queued.")
    look = held()
    ops.end(campaign=NAME, ok=True, summary=SUMMARY)
    expect(words(visit.page)).to_contain_text("Done.")
    before = look.fetch()
    button.click()
    expect(words(visit.page)).to_have_text("Queued.")
    look.fulfill(response=before)
    ops.progress(campaign=NAME, done=120, total=405, text="Reading the files of datasets.")
    expect(words(visit.page)).to_contain_text("120 of 405")


def test_a_page_that_comes_into_a_sweep_follows_it(visit, campaign, database, api):
    Pcs(api).good("POST", f"campaigns/{NAME}/sweep/")
    visit.open("/pcs/catalog/")
    expect(words(visit.page)).to_have_text("Under way.")
    expect(visit.page.get_by_role("button", name="Sweep now")).to_be_disabled()
    OpsSide(database, SWEEP).end(campaign=NAME, ok=True, summary=SUMMARY)
    expect(words(visit.page)).to_contain_text("Done.")


def test_the_did_page_fills_in_when_rucio_has_answered(visit, campaign, database):
    visit.open(f"/pcs/did/?did={DID}")
    expect(visit.page.locator("#now")).to_contain_text("It will appear here shortly")
    scope, _, name = DID.partition(":")
    replicas = [{"rse": "BNL-XRD", "pfn": "root://door//x", "state": "AVAILABLE"}]
    body = {
        "metadata": {"did_type": "DATASET", "length": 34, "bytes": 5 * 10**9, "is_open": False},
        "rses": [], "rules": [{"id": "1", "rse_expression": "BNL-XRD", "state": "OK"}],
        "files": [{"name": f"{name}/a.root", "bytes": 10**9, "adler32": "0a1b2c3d",
                   "replicas": replicas}],
        "file_count": 34,
    }  # fmt: skip
    with transaction(database.ops_engine) as session:
        session.add(
            LiveDid(
                scope=scope, name=name, is_there=True, body=body, read_at=now(), attempted_at=now()
            )
        )
    OpsSide(database, "read_did").end(scope=scope, name=name, ok=True)
    expect(visit.page.locator("#live-files tbody tr")).to_have_count(1)
    expect(visit.page.locator("#rules")).to_contain_text("BNL-XRD")
    visit.shot("did")


def test_a_did_that_is_nowhere_is_said_to_be_so(visit, database):
    visit.open("/pcs/did/?did=epic:/RECO/nowhere")
    expect(visit.page.locator("#live")).to_contain_text("Rucio is being asked")
    with transaction(database.ops_engine) as session:
        session.add(
            LiveDid(
                scope="epic",
                name="/RECO/nowhere",
                is_there=False,
                read_at=now(),
                attempted_at=now(),
            )
        )
    OpsSide(database, "read_did").end(scope="epic", name="/RECO/nowhere", ok=True, is_there=False)
    expect(visit.page.get_by_role("alert")).to_contain_text("There is no such DID")


_SLOW_LOOKS = [pytest.param(look, marks=pytest.mark.slow) for look in ("desktop", "dark")]


@pytest.mark.slow
@pytest.mark.parametrize("look", ["phone", *_SLOW_LOOKS])
def test_the_real_listing_reads_well(chromium, served_api, database, api, look):
    load_listing(database.ops_engine, NAME)
    Pcs(api).add("campaigns", name=NAME)
    how = {"desktop": {}, "dark": {"color_scheme": "dark"}, "phone": {"viewport": PHONE}}[look]
    visit = begin_visit(chromium, served_api.url, **how)
    visit.open(f"/pcs/catalog/?campaign={NAME}&sort=finding")
    visit.expect_plot()
    assert visit.page.evaluate(OVERFLOW) <= 0
    visit.shot(f"catalog-{look}")
    with transaction(database.ops_engine) as session:
        session.add(CompletionReport(campaign=NAME, body=body_of(), markdown=""))
    for name, path in {"report": "/pcs/reports/1/", "reports": "/pcs/reports/",
                       "did-swept": f"/pcs/did/?did={LONGEST}&after=1"}.items():  # fmt: skip
        visit.open(path)
        assert visit.page.evaluate(OVERFLOW) <= 0, name
        visit.shot(f"{name}-{look}")
    visit.page.context.close()
    assert (visit.complaints, visit.strangers) == ([], [])
