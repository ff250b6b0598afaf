"""The pages name only what exists: files, commands, options, settings, make targets."""

import ast
import functools
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployments import reference
from deployments.reference import ROOT
from flows.common.settings import known_names
from flows.payload_logs.models import LogState, Step
from flows.provenance.domain.registration import Verdict
from flows.provenance.models import Finding, Rule, SweepState

DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(DOCS.rglob("*.md"))]
DECISIONS = sorted(DOCS.glob("decisions/0*.md"))
GENERATED = {"settings.md", "commands.md", "api.md", "actions.md", "messages.md", "asyncapi.yaml"}
NEW_FILES = DOCS / "how-to" / "add-a-capability.md"  # its files are those that it makes

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^( *)```(.*?)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`([^`\n]+)`")
COMMAND = re.compile(r"(?<![\w./~-])prodops ([a-z][a-z-]*\b.*)")
FILE = re.compile(r"(?:api|blocks|deployments|docs|flows|tests)/[\w/.-]*")

pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
decisions = pytest.mark.parametrize("decision", DECISIONS, ids=lambda page: page.stem)


def fences(page: Path) -> list[tuple[str, str]]:
    """The code blocks of a page, each with its kind."""
    return [(kind, textwrap.dedent(text)) for _, kind, text in FENCE.findall(page.read_text())]


def spans(page: Path) -> list[str]:
    return SPAN.findall(FENCE.sub("", page.read_text()))


def code(page: Path) -> Iterator[str]:
    """Every piece of code on the page, a line each."""
    yield from spans(page)
    for kind, text in fences(page):
        if kind.split(" ")[0] in {"bash", "ini"}:
            yield from text.splitlines()


def anchors(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


known_commands = functools.cache(reference.commands)


@pages
def test_every_link_leads_somewhere(page):
    lost = []
    for target in LINK.findall(FENCE.sub("", page.read_text())):
        path, _, anchor = target.partition("#")
        if "://" in path:
            continue
        wanted = (page.parent / path).resolve() if path else page
        if not wanted.exists() or (anchor and anchor not in anchors(wanted)):
            lost.append(target)

    assert lost == []


def test_every_page_can_be_reached():
    linked = {
        (page.parent / target.partition("#")[0]).resolve()
        for page in PAGES
        for target in LINK.findall(page.read_text())
    }

    assert [page for page in DOCS.rglob("*.md") if page not in linked] == []


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 120


@pages
def test_every_command_and_option_exists(page):
    assert [line for line in code(page) if not is_known(line)] == []


def is_known(line: str) -> bool:
    found = COMMAND.search(line.split(" #", maxsplit=1)[0])
    if found is None:
        return True
    words = found[1].split("|")[0].split()
    known = known_commands()
    name = "prodops"
    while words and re.fullmatch(r"[a-z][a-z-]*", words[0]) and f"{name} {words[0]}" in known:
        name = f"{name} {words.pop(0)}"
    if words and hasattr(known[name], "default"):
        name = f"{name} {known[name].default}"
    if name == "prodops" or (hasattr(known[name], "commands") and words not in ([], ["COMMAND"])):
        return False
    parameters = known[name].params
    options = {name for each in parameters for name in (*each.opts, *each.secondary_opts)}
    used = [word for word in words if re.fullmatch(r"-{1,2}[a-z][a-z-]*", word)]
    return set(used) <= options | {"--help"}


@pytest.mark.parametrize(
    ("line", "is_right"),
    [
        ("prodops up --detach", True),
        ("timeout -s INT 4 prodops fastmon watch --after 0 | tail -1", True),
        ("prodops token list   # all of them", True),
        ("/opt/prodops/.venv/bin/prodops worker", True),
        ("sudo -u prodops -i", True),
        ("prodops upp", False),
        ("prodops token", True),
        ("prodops token make x", False),
        ("prodops backup DIRECTORY --json", True),
        ("prodops backup DIRECTORY --whole", False),
        ("prodops up --for-ever", False),
    ],
)
def test_a_wrong_command_would_be_found(line, is_right):
    assert is_known(line) is is_right


@pages
def test_every_setting_exists(page):
    named = set(re.findall(r"\bPRODOPS_[A-Z_]+\b(?!<)", page.read_text()))

    assert named - set(known_names()) == set()


@pages
def test_every_make_target_exists(page):
    makefile = (ROOT / "Makefile").read_text()
    named = {
        word
        for line in code(page)
        for found in re.findall(r"(?:^|\s)make ((?:[a-z-]+ ?)+)", line.split("#")[0])
        for word in found.split()
    }

    assert [name for name in named if not re.search(rf"^{name}:", makefile, re.MULTILINE)] == []


@pages
def test_every_file_that_is_named_exists(page):
    named = [] if page == NEW_FILES else [span for span in spans(page) if FILE.fullmatch(span)]

    assert [name for name in named if not (ROOT / name).exists()] == []


@pages
def test_python_on_a_page_is_python(page):
    for kind, text in fences(page):
        if kind.startswith("python"):
            ast.parse(text)


@pages
def test_no_page_names_this_machine(page):
    here = {str(ROOT), str(Path.home())} - {"/"}

    assert [place for place in here if f"{place}/" in page.read_text()] == []


@decisions
def test_a_decision_has_its_three_parts_and_is_short(decision):
    text = decision.read_text()

    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Context", "Decision", "Consequences"]
    assert len(text.splitlines()) <= 40
    assert f"]({decision.name})" in (DOCS / "decisions" / "README.md").read_text()


def test_decisions_are_numbered_without_a_gap():
    numbers = [int(decision.name[:4]) for decision in DECISIONS]

    assert numbers == list(range(1, len(DECISIONS) + 1))


@pages
def test_diagrams_are_mermaid(page):
    kinds = {kind for kind, text in fences(page) if "-->" in text and "<!--" not in text}

    assert kinds <= {"mermaid"}


@pytest.mark.parametrize("states", [LogState, Step, SweepState, Finding, Rule, Verdict])
def test_every_state_is_described(states):
    page = (DOCS / "reference" / "statuses.md").read_text()

    assert [state for state in states if f"`{state}`" not in page] == []


def test_a_generated_page_says_so():
    for name in GENERATED:
        assert (
            "Made by `python -m deployments.reference`" in (DOCS / "reference" / name).read_text()
        )
