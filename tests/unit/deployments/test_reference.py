"""The generated pages are fresh, and mention everything that there is."""

import json
import os
from pathlib import Path

import pytest
from dotenv import dotenv_values

from api.http.tools.declaration import all_tools
from deployments import reference
from flows.common import actions
from flows.common.settings import GROUPS, known_names, names_of, settings
from flows.common.settings.tree import load

DOCS = reference.ROOT / "docs"


@pytest.fixture(scope="module")
def generated() -> dict[str, str]:
    return reference.pages()


def test_no_page_is_stale(generated):
    stale = [
        path for path, text in generated.items() if (reference.ROOT / path).read_text() != text
    ]

    assert stale == [], "run `python -m deployments.reference`"


def test_a_stale_page_is_named_and_written(tmp_path, monkeypatch, generated):
    monkeypatch.setattr(reference, "pages", lambda: generated)
    reference.write(tmp_path)
    (tmp_path / ".env.example").write_text("PRODOPS_API_PORT=1\n")

    assert reference.stale(tmp_path) == [".env.example"]
    assert reference.write(tmp_path) == [".env.example"]
    assert reference.stale(tmp_path) == []


@pytest.mark.slow
def test_nothing_of_the_machine_is_in_a_page(monkeypatch, generated):
    monkeypatch.setenv("PRODOPS_STATE_DIR", "/somewhere/else")
    monkeypatch.setenv("HOME", "/home/of-a-builder")
    settings.cache_clear()

    assert reference.pages() == generated
    assert not any(str(reference.ROOT) in text for text in generated.values())


@pytest.mark.slow
def test_generating_leaves_the_environment_as_it_was(monkeypatch):
    monkeypatch.setenv("PRODOPS_API_PORT", "8003")
    before = dict(os.environ)

    reference.pages()

    assert dict(os.environ) == before


@pytest.mark.parametrize("page", [".env.example", "docs/reference/settings.md"])
def test_every_setting_is_listed(generated, page):
    names = {names_of(group, field)[0] for group in GROUPS.values() for field in group.model_fields}
    if page.endswith(".md"):
        names = set(known_names())

    assert [name for name in sorted(names) if name not in generated[page]] == []


def test_every_command_and_option_is_listed(generated):
    page = generated["docs/reference/commands.md"]
    commands = reference.commands()
    options = {
        option
        for command in commands.values()
        for parameter in command.params
        if not parameter.hidden and parameter.param_type_name == "option"
        for option in parameter.opts
    } - {"--install-completion", "--show-completion"}

    assert [name for name in commands if f"`{name}" not in page] == []
    assert [option for option in sorted(options) if f"`{option}" not in page] == []


def test_every_route_is_listed_with_who_may(generated):
    described = json.loads(generated["docs/reference/openapi.json"])
    page = generated["docs/reference/api.md"]

    for path, methods in described["paths"].items():
        for method in set(methods) - {"parameters"}:
            assert f"| {method.upper()} | `{path}` |" in page


@pytest.mark.parametrize(
    ("route", "who"),
    [
        ("GET | `/api/health/`", "anybody |"),
        ("POST | `/api/messages/`", "scope `message` |"),
        ("GET | `/api/messages/stream/`", "whoever is known, and visitors"),
        ("GET | `/api/requests/`", "anybody; where reads are closed: scope `read` |"),
        ("POST | `/api/payload-logs/`", "scope `request` |"),
        ("POST | `/api/actions/{action}/`", "scope `read` |"),
        ("PATCH | `/api/runs/{key}/`", "scope `message` |"),
    ],
)
def test_who_may_is_what_the_route_asks_for(generated, route, who):
    assert f"| {route} | {who}" in generated["docs/reference/api.md"]


def test_every_action_is_listed(generated):
    page = generated["docs/reference/actions.md"]

    assert [name for name in actions.all_actions() if f"## `{name}`" not in page] == []


def test_every_tool_is_listed_with_its_names_and_its_answers_keys(generated):
    page = generated["docs/reference/mcp.md"]
    for tool in all_tools():
        section = page.split(f"## `{tool.name}`\n")[1].split("\n## ", maxsplit=1)[0]
        assert all(f"`{name}`" in section for name in tool.aliases)
        assert all(f"| `{name}` | " in section for name in tool.form.model_fields)
    assert "items have `name`, `agent_type`, `status`" in page
    assert "| `status` | string | unset |" in page


def parameters_of(page: str, action: str) -> dict[str, tuple[str, str]]:
    """Type and default of each parameter of an action, as the page shows them."""
    section = page.split(f"## `{action}`\n")[1].split("\n## ", maxsplit=1)[0]
    table = section.partition("| Parameter | Type | Default | Meaning |\n")[2]
    rows = [line.strip("| ").split(" | ") for line in table.splitlines()[1:] if line]
    return {name.strip("`"): (kind, default) for name, kind, default, _meaning in rows}


@pytest.mark.parametrize("action", actions.all_actions())
def test_each_parameter_has_a_type_and_is_required_where_the_form_wants_it(generated, action):
    fields = actions.all_actions()[action].parameters.model_fields
    shown = parameters_of(generated["docs/reference/actions.md"], action)

    assert list(shown) == list(fields)
    assert {kind.partition(":")[0].partition(" ")[0] for kind, _default in shown.values()} <= {
        "string", "integer", "number", "boolean", "array", "object",
    }  # fmt: skip
    required = [name for name, (_kind, default) in shown.items() if default == "required"]
    assert required == [name for name, field in fields.items() if field.is_required()]


def test_what_may_be_done_to_a_task_is_listed_with_its_values_and_fields(generated):
    shown = parameters_of(generated["docs/reference/actions.md"], "panda_task_operation")

    assert shown["operation"][0].startswith("string: `increase_attempts`, `retry_failures`")
    assert shown["new_parameters"][0].startswith("object of `")


def test_the_example_uncommented_is_the_defaults(tmp_path: Path, monkeypatch, generated):
    defaults = load()
    lines = generated[".env.example"].replace("#PRODOPS_", "PRODOPS_").splitlines()
    (tmp_path / ".env").write_text("\n".join(line for line in lines if not line.endswith("=")))
    monkeypatch.chdir(tmp_path)

    assert dotenv_values(tmp_path / ".env")["PRODOPS_API_PORT"] == str(defaults.api.port)
    assert load() == defaults
