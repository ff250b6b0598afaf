"""Categories, tags, campaigns, datasets, configurations and requests over REST."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.pcs_client import COMPOSED, CONFIG, TAGS, Pcs

pytestmark = pytest.mark.integration


@pytest.fixture
def pcs(api) -> Pcs:
    return Pcs(api)


@pytest.fixture
def other(served_api):
    with served_api.client(token=None) as client:
        yield Pcs(client, user="somebody")


def refused(pcs: Pcs, method: str, path: str, body: object = None) -> list[str]:
    answer = pcs.send(method, path, body)
    assert answer.status_code == 400, answer.text
    return list(answer.json())


# ------------------------------------------------------------------ tags


def test_a_category_begins_the_numbers_of_its_tags_and_counts_them(pcs):
    pcs.add("physics-categories", digit=3, name="DIS")
    pcs.add("physics-categories", digit=5, name="SIDIS")
    numbers = [
        pcs.add("physics-tags", **TAGS["physics"] | {"category": digit})["tag_label"]
        for digit in (3, 5, 3)
    ]
    assert numbers == ["p3001", "p5002", "p3003"]
    assert pcs.good("GET", "physics-categories/3/")["tag_count"] == 2
    assert [each["digit"] for each in pcs.good("GET", "physics-categories")] == [3, 5]
    changed = pcs.good("PATCH", "physics-categories/3/", {"description": "d"})
    assert (changed["name"], changed["description"]) == ("DIS", "d")


def test_a_category_is_made_once(pcs):
    pcs.add("physics-categories", digit=3, name="DIS")
    for body, field in (
        ({"digit": 3, "name": "x"}, "digit"), ({"digit": 4, "name": "DIS"}, "name"),
        ({"digit": 0, "name": "x"}, "digit"), ({"digit": 10, "name": "x"}, "digit"),
        ({"digit": True, "name": "x"}, "digit"), ({"digit": 4, "name": ""}, "name"),
        ({"digit": 4, "name": 5}, "name"),
    ):  # fmt: skip
        assert refused(pcs, "POST", "physics-categories/", body) == [field]
    assert refused(pcs, "PATCH", "physics-categories/3/", {"digit": 4}) == ["digit"]
    assert pcs.send("GET", "physics-categories/4/").status_code == 404


def test_tags_made_at_once_have_numbers_of_their_own(pcs):
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: pcs.add("evgen-tags", **TAGS["evgen"]), range(16)))
    assert sorted(tag["tag_number"] for tag in made) == list(range(1, 17))


def test_a_tag_is_answered_in_full(pcs):
    pcs.add("physics-categories", digit=3, name="DIS")
    tag = pcs.add("physics-tags", **TAGS["physics"], description="d")
    assert (tag["category"], tag["category_name"], tag["status"]) == (3, "DIS", "draft")
    assert pcs.good("GET", "physics-tags/3001") == tag
    evgen = pcs.add("evgen-tags", **TAGS["evgen"])
    assert list(evgen) == [
        "id", "tag_number", "tag_label", "status", "description", "parameters", "created_by",
        "created_at", "updated_at",
    ]  # fmt: skip


def test_a_tag_that_is_not_of_its_form_is_refused(pcs):
    for path, body, field in (
        ("evgen-tags/", {}, "parameters"), ("evgen-tags/", {"parameters": []}, "parameters"),
        ("evgen-tags/", {"parameters": {"generator": "x"}}, "parameters"),
        ("physics-tags/", TAGS["physics"] | {"category": 9}, "category"),
        ("physics-tags/", {"parameters": {}}, "category"),
    ):  # fmt: skip
        assert refused(pcs, "POST", path, body) == [field]


def test_a_tag_is_locked_once_and_then_never_changes(pcs):
    pcs.add("evgen-tags", **TAGS["evgen"])
    assert pcs.good("PATCH", "evgen-tags/1/", {"description": "d"})["description"] == "d"
    assert refused(pcs, "PATCH", "evgen-tags/1/", {"parameters": {}}) == ["parameters"]
    assert refused(pcs, "PATCH", "evgen-tags/1/", {"status": "locked"}) == ["detail"]
    assert pcs.good("POST", "evgen-tags/1/lock/")["status"] == "locked"
    for method, path in (("PATCH", ""), ("POST", "lock/"), ("POST", "delete/")):
        body = {"description": "x"} if method == "PATCH" else None
        assert refused(pcs, method, f"evgen-tags/1/{path}", body) == ["detail"]
    assert pcs.good("GET", "evgen-tags/", status="locked")[0]["description"] == "d"


def test_a_draft_tag_is_deleted_by_who_made_it_where_no_dataset_has_it(pcs, other):
    pcs.add("evgen-tags", **TAGS["evgen"])
    assert other.send("POST", "evgen-tags/1/delete/").status_code == 403
    assert pcs.good("POST", "evgen-tags/1/delete/") == {"detail": "Tag e1 deleted."}
    assert pcs.send("GET", "evgen-tags/1/").status_code == 404
    pcs.make_dataset(is_locked=False)
    assert pcs.send("POST", "evgen-tags/2/delete/").status_code == 409


# ------------------------------------------------------------------ campaigns


def test_one_campaign_is_current_and_the_former_one_past(pcs):
    for name in ("26.02.0", "26.05.0"):
        pcs.add("campaigns", name=name)
        assert pcs.good("POST", f"campaigns/{name}/set-current/")["lifecycle"] == "current"
    assert [each["lifecycle"] for each in pcs.good("GET", "campaigns/")] == ["past", "current"]
    assert refused(pcs, "PATCH", "campaigns/26.02.0", {"lifecycle": "current"}) == ["lifecycle"]
    assert pcs.good("PATCH", "campaigns/26.02.0", {"lifecycle": "last"})["lifecycle"] == "last"
    assert [each["name"] for each in pcs.good("GET", "campaigns/", lifecycle="current")] == [
        "26.05.0"
    ]


def test_a_campaign_that_is_not_of_its_form_is_refused(pcs):
    first = pcs.add("campaigns", name="26.02.0")
    second = pcs.add("campaigns", name="26.05.0", clone_of="26.02.0", start_date="2026-05-01")
    assert second["clone_of"] == first["id"]
    for body, field in (
        ({"name": "26.02.0"}, "name"), ({"name": "a b"}, "name"), ({}, "name"),
        ({"name": "x", "lifecycle": "current"}, "lifecycle"), ({"name": "x", "data": 5}, "data"),
        ({"name": "x", "start_date": "May"}, "start_date"),
        ({"name": "x", "clone_of": "nope"}, "clone_of"),
        ({"name": "x", "start_date": "2026-05-02", "end_date": "2026-05-01"}, "end_date"),
    ):  # fmt: skip
        assert refused(pcs, "POST", "campaigns/", body) == [field]
    assert refused(pcs, "PATCH", "campaigns/26.05.0/", {"end_date": "2026-04-30"}) == ["end_date"]
    assert pcs.send("GET", "campaigns/nope/").status_code == 404


# ------------------------------------------------------------------ datasets


def test_a_dataset_is_named_by_its_tags(pcs):
    pcs.add("campaigns", name="26.02.0")
    dataset = pcs.make_dataset(campaign="26.02.0")
    assert dataset["dataset_name"] == dataset["composed_name"] == COMPOSED
    assert dataset["did"] == f"group.EIC:{COMPOSED}.b1"
    assert (dataset["campaign"], dataset["physics_tag_label"]) == ("26.02.0", "p3001")
    by_key = pcs.make_dataset(sample_name="x", physics_tag=dataset["physics_tag"])
    assert by_key["composed_name"] == f"{COMPOSED}.x"


def test_a_dataset_that_cannot_be_named_is_refused(pcs):
    pcs.make_dataset()
    good = {"detector_version": "26.02.0", "detector_config": "epic_craterlake"} | pcs.tags
    for body, field in (
        ({}, "non_field_errors"), ({"physics_tag": "e1"}, "physics_tag"),
        ({"reco_tag": 99}, "reco_tag"), ({"reco_tag": ""}, "reco_tag"),
        ({"sample_name": "k1"}, "sample_name"), ({"sample_name": "try2"}, "sample_name"),
        ({"sample_name": "a b"}, "sample_name"), ({"sample_name": "x" * 121}, "sample_name"),
        ({"scope": "a/b"}, "scope"), ({"detector_version": "--x"}, "detector_version"),
        ({"detector_config": "a'b"}, "detector_config"), ({"campaign": "nope"}, "campaign"),
        ({"metadata": {"external": 1}}, "metadata"), ({"metadata": {"source": 1}}, "metadata"),
        ({"metadata": {"source": {"kind": "path"}}}, "metadata"),
    ):  # fmt: skip
        assert refused(pcs, "POST", "datasets/", good | body) == [field], body


def test_blocks_are_counted_on_all_blocks(pcs):
    first = pcs.make_dataset()
    made = [pcs.send("POST", f"datasets/{first['id']}/add-block/").json() for _ in range(2)]
    assert [block["did"][-2:] for block in made] == ["b2", "b3"]
    assert [block["blocks"] for block in pcs.good("GET", "datasets/")] == [3, 3, 3]


def test_blocks_added_at_once_have_numbers_of_their_own(pcs):
    key = pcs.make_dataset()["id"]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: pcs.send("POST", f"datasets/{key}/add-block/"), range(8)))
    assert {answer.status_code for answer in answers} == {201}
    assert sorted(each.json()["block_num"] for each in answers) == list(range(2, 10))


def test_a_dataset_is_taken_in_once_from_its_source(pcs):
    body = {"source_location": "EVGEN/x.csv"}
    made = pcs.send("POST", "datasets/intake/", body)
    again = pcs.send("POST", "datasets/intake/", body | {"description": "other"})
    assert (made.status_code, again.status_code) == (201, 200)
    assert made.json() == again.json()
    assert made.json()["metadata"] == {
        "stage": "evgen", "source": {"kind": "csv_manifest", "location": "EVGEN/x.csv"}
    }  # fmt: skip
    whole = body | pcs.make_tags() | {"source_kind": "path", "detector_version": "26.02.0"}
    named = pcs.send("POST", "datasets/intake/", whole).json()
    assert named["composed_name"] == "group.EIC.evgen.26.02.0.p3001.e1.s1.r1"
    other = whole | {"source_location": "EVGEN/y.csv"}
    assert pcs.send("POST", "datasets/intake/", other).status_code == 409
    assert refused(pcs, "POST", "datasets/intake/", {}) == ["detail"]
    assert refused(pcs, "POST", "datasets/intake/", body | {"source_kind": "x"}) == ["detail"]


def test_datasets_are_filtered(pcs):
    pcs.make_dataset(metadata={"stage": "reco", "validation": {"status": "good"}})
    pcs.send("POST", "datasets/intake/", {"source_location": "a", "source_kind": "path"})
    for query, found in (
        ({}, 2), ({"stage": "reco"}, 1), ({"stage": "evgen"}, 1), ({"source_kind": "path"}, 1),
        ({"status": "good"}, 1), ({"status": "x"}, 0), ({"name_contains": "craterlake"}, 1),
        ({"campaign": "x"}, 0),
    ):  # fmt: skip
        assert len(pcs.good("GET", "datasets/", **query)) == found, query


def test_a_task_on_a_dataset_without_tags_is_not_ready(pcs):
    dataset = pcs.send("POST", "datasets/intake/", {"source_location": "a"}).json()
    config = pcs.add("prod-configs", name="c", **CONFIG)
    task = pcs.add("prod-tasks", name="t", dataset=dataset["did"], prod_config=config["name"])
    assert task["dataset"] == dataset["id"]
    assert "its dataset has no reco tag" in task["readiness"]


# ------------------------------------------------------------------ configurations, requests


def test_a_configuration_is_made_changed_and_deleted_by_its_owner(pcs, other):
    made = pcs.add("prod-configs", name="c", **CONFIG, target_hours_per_job=2)
    path = f"prod-configs/{made['id']}/"
    assert (made["copy_reco"], made["copy_full"], made["target_hours_per_job"]) == (
        True, False, "2.00"
    )  # fmt: skip
    assert other.send("PATCH", path, {"panda_site": "X"}).status_code == 403
    assert other.send("DELETE", path).status_code == 403
    changed = pcs.good("PATCH", path, {"panda_site": "X"})
    assert (changed["panda_site"], changed["data"]) == ("X", CONFIG["data"])
    assert pcs.good("PUT", path, {"name": "d"})["panda_site"] == "X"
    assert pcs.send("DELETE", path).status_code == 204
    assert pcs.send("GET", path).status_code == 404


BAD_CONFIGS = [
    ("name", ""), ("name", 5), ("name", "taken"), ("container_image", "a b"),
    ("container_image", "docker://x;id"), ("panda_site", "--site"), ("panda_site", "a\nb"),
    ("panda_site", "a'b"), ("panda_site", "a" * 201), ("panda_working_group", "$(id)"),
    ("panda_resource_type", "a b"), ("bg_mixing", "yes"), ("bg_mixing", None),
    ("target_hours_per_job", "x"), ("target_hours_per_job", 0), ("events_per_task", 0),
    ("events_per_task", True), ("data", []), ("data", {"exec_command": "a\nb"}),
    ("data", {"exec_command": "--help"}), ("data", {"outputs": "a b"}), ("data", {"n_jobs": 1.5}),
    ("data", {"n_jobs": "1"}), ("data", {"official": 1}), ("data", {"vo": "a b"}),
    ("data", {"x": "\0"}), ("description", "\0"),
]  # fmt: skip


def test_a_value_that_could_not_stand_in_a_command_is_refused_by_its_field(pcs):
    pcs.add("prod-configs", name="taken")
    key = pcs.add("prod-configs", name="c")["id"]
    for field, value in BAD_CONFIGS:
        assert refused(pcs, "POST", "prod-configs/", {"name": "x", field: value}) == [field], value
        if value != "taken" or field != "name":
            assert refused(pcs, "PATCH", f"prod-configs/{key}/", {field: value}) == [field], value


def test_a_request_is_made_changed_and_deleted(pcs, other):
    made = pcs.add("prod-requests", requestor="edt", nevents=400_000, priority=-1)
    path = f"prod-requests/{made['id']}/"
    assert made["status"] == "new"
    assert pcs.good("PATCH", path, {"status": "blocked"})["status"] == "blocked"
    assert pcs.good("GET", "prod-requests/", status="blocked")[0]["nevents"] == 400_000
    assert other.send("DELETE", path).status_code == 403
    task = pcs.make_task(prod_request=made["id"])
    assert task["prod_request"] == made["id"]
    assert pcs.send("DELETE", path).status_code == 204
    assert pcs.task()["prod_request"] is None
    assert refused(pcs, "POST", "prod-requests/", {"nevents": "many"}) == ["nevents"]
