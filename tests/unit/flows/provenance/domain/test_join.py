"""What counts as produced of what was requested."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from flows.provenance.domain import join as joining
from flows.provenance.domain import names
from flows.provenance.domain.join import Match, Requested, TaskOf, join
from flows.provenance.models import Finding, Rule

ROOT = "/volatile/eic/EPIC/EVGEN"
DETECTORS = ("epic_craterlake", "epic_craterlake_without_zdc")
PARTS = ("DIS", "NC", "pythia8.316-1.0", "pythia8.317-1.0", "10x100", "minQ2=1", "ma_0.1")
FILES = ("up1s_10x100.hepmc3.tree.root", "up2s_10x100.hepmc3.tree.root")

suffixes = st.lists(st.sampled_from(PARTS), min_size=1, max_size=3).map("/".join)
backgrounds = st.sampled_from(("", "", "Bkg_1/GoldCt/10um/", "Bkg_2/"))
paths = st.one_of(suffixes, st.tuples(suffixes, st.sampled_from(FILES)).map("/".join))
produced_names = st.builds(
    "/{}/26.05.0/{}/{}{}".format,
    st.sampled_from(("RECO", "FULL")),
    st.sampled_from(DETECTORS),
    backgrounds,
    suffixes,
)
tasks = st.lists(
    st.builds(TaskOf, st.text("abc", min_size=1, max_size=2), st.sampled_from(("26.05.0", "")))
)


def asked(suffix: str, *tasks: TaskOf) -> Requested:
    return Requested(f"{ROOT}/{suffix}", suffix, tasks)


def named(*rests: str, stage: str = "RECO") -> list[names.ProducedName]:
    return [names.parse(f"/{stage}/26.05.0/epic_craterlake/{rest}") for rest in rests]


def rules(matches: tuple[Match, ...]) -> list[tuple[str, Rule]]:
    return [(match.name.split("/", 4)[4], match.rule) for match in matches]


def test_the_same_suffix_is_found_in_every_detector_config():
    produced = [names.parse(f"/RECO/26.05.0/{each}/DIS/NC") for each in DETECTORS]
    joined = join([asked("DIS/NC")], produced)
    assert rules(joined.matches) == [("DIS/NC", Rule.EXACT)] * 2
    assert joined.outcomes[f"{ROOT}/DIS/NC"].finding is Finding.FOUND


def test_a_suffix_behind_a_background_is_found():
    joined = join([asked("DIS/NC")], named("Bkg_1S/GoldCt/10um/DIS/NC"))
    assert rules(joined.matches) == [("Bkg_1S/GoldCt/10um/DIS/NC", Rule.BACKGROUND)]


def test_a_background_without_a_known_form_is_found_by_its_longest_suffix():
    requests = [asked("NC"), asked("DIS/NC")]
    joined = join(requests, named("Bkg_1S/other/DIS/NC"))
    assert joined.found() == {f"{ROOT}/DIS/NC"}


def test_a_suffix_in_the_middle_or_behind_something_else_is_not_found():
    tricks = ("DIS/NC/more", "Bkg_1S/GoldCt/10um/DIS/NC/more", "other/DIS/NC", "xDIS/NC")
    joined = join([asked("DIS/NC")], named(*tricks))
    assert joined.matches == ()
    assert joined.outcomes[f"{ROOT}/DIS/NC"].finding is Finding.MISSING


def test_another_stage_finds_nothing_and_is_told():
    joined = join([asked("DIS/NC")], named("DIS/NC", stage="FULL"))
    assert joined.found() == set()
    assert joined.outcomes[f"{ROOT}/DIS/NC"].reason == "only at FULL"
    assert len(joined.owners) == 1


def test_another_version_is_a_suggestion_only():
    joined = join([asked("DIS/pythia8.316-1.0/NC")], named("DIS/pythia8.317-1.0/NC"))
    assert rules(joined.matches) == [("DIS/pythia8.317-1.0/NC", Rule.VERSION)]
    (outcome,) = joined.outcomes.values()
    assert outcome.finding is Finding.MISSING
    assert outcome.reason == "produced with pythia8.317-1.0"
    assert joined.owners == {}


def test_no_version_is_suggested_for_what_is_found():
    produced = named("DIS/pythia8.316-1.0/NC", "DIS/pythia8.317-1.0/NC")
    joined = join([asked("DIS/pythia8.316-1.0/NC")], produced)
    assert rules(joined.matches) == [("DIS/pythia8.316-1.0/NC", Rule.EXACT)]


def test_a_file_is_found_by_the_files_that_were_made_of_it():
    request = asked("EXCLUSIVE/UPS/up1s_10x100.hepmc3.tree.root")
    produced = named("EXCLUSIVE/UPS")
    assert joining.asked_for_files([request], produced) == {produced[0].name}
    held = [f"{produced[0].name}/up1s_10x100.000{n}.eicrecon.edm4eic.root" for n in range(2)]
    others = [f"{produced[0].name}/up2s_10x100.0000.eicrecon.edm4eic.root", "up1s_10x100.log"]
    joined = join([request], produced, {produced[0].name: [*held, *others]})
    assert joined.matches == (Match(request.path, produced[0].name, Rule.FILE, 2),)


def test_a_file_of_which_nothing_was_made_is_missing():
    request = asked("EXCLUSIVE/UPS/up1s_10x100.hepmc3.tree.root")
    joined = join([request], named("EXCLUSIVE/UPS"), {})
    assert joined.outcomes[request.path].reason == "no file that was made of it"


def test_a_path_outside_the_root_is_missing_and_says_so():
    joined = join([Requested("/elsewhere/DIS", "")], named("DIS"))
    assert joined.outcomes["/elsewhere/DIS"].finding is Finding.MISSING
    assert joined.matches == ()


def test_the_owner_is_the_task_of_the_campaign_then_of_its_family_and_no_other():
    request = asked("DIS/NC", TaskOf("a", "26.04.0"), TaskOf("c", "26.05.0"), TaskOf("b", "26.05"))
    (owner,) = join([request], named("DIS/NC")).owners.values()
    assert owner.task == "c"
    request = asked("DIS/NC", TaskOf("z", "26.04.0"), TaskOf("y", "26.05"), TaskOf("x", "26.05"))
    (owner,) = join([request], named("DIS/NC")).owners.values()
    assert owner.task == "x"
    request = asked("DIS/NC", TaskOf("z", "26.04.0"), TaskOf("y"), TaskOf("x", "26.050"))
    (owner,) = join([request], named("DIS/NC")).owners.values()
    assert (owner.path, owner.task) == (request.path, None)


def test_exact_owns_before_background():
    requests = [asked("DIS/NC", TaskOf("a", "26.05.0")), asked("Bkg_1S/DIS/NC")]
    joined = join(requests, named("Bkg_1S/DIS/NC"))
    assert len(joined.owners) == 1


@given(st.lists(paths, unique=True), st.lists(produced_names, unique=True), st.data())
def test_the_order_of_what_is_given_changes_nothing(
    suffixes: list[str], produced: list[str], data: st.DataObject
):
    requests = [asked(each, *data.draw(tasks)) for each in suffixes]
    parsed = [names.parse(each) for each in produced]
    files = {each: [f"{each}/up1s_10x100.0.eicrecon.edm4eic.root"] for each in produced}
    first = join(requests, parsed, files)
    turned = [
        Requested(each.path, each.suffix, tuple(data.draw(st.permutations(each.tasks))))
        for each in data.draw(st.permutations(requests))
    ]
    again = join(turned, data.draw(st.permutations(parsed)), files)
    assert first.matches == again.matches
    assert first.owners == again.owners
    assert first.outcomes == again.outcomes


@given(st.lists(paths, unique=True), st.lists(produced_names, unique=True))
def test_nothing_is_found_without_a_dataset_and_nothing_has_two_owners(
    suffixes: list[str], produced: list[str]
):
    requests = [asked(each) for each in suffixes]
    parsed = [names.parse(each) for each in produced]
    files = {each: [f"{each}/up1s_10x100.0.eicrecon.edm4eic.root"] for each in produced}
    joined = join(requests, parsed, files)
    counted = [match for match in joined.matches if match.rule in joining.COUNTED]
    assert joined.found() <= {match.path for match in counted}
    assert set(joined.owners) == {match.name for match in counted}
    assert joined.outcomes.keys() == {each.path for each in requests}
    assert joined.found() == joining.markers(requests, parsed, files)
    for match in joined.matches:
        is_suggested = match.rule is Rule.VERSION
        assert not (is_suggested and match.path in joined.found())


@given(suffixes, st.sampled_from(("", "/", "//", " ")))
def test_a_slash_at_the_end_of_a_path_changes_nothing(suffix: str, ending: str):
    path = names.trimmed(f"{ROOT}/{suffix}{ending}")
    request = Requested(path, names.suffix_of(path, ROOT) or "")
    assert join([request], named(suffix)).found() == {f"{ROOT}/{suffix}"}
