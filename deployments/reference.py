"""The generated pages: ``python -m deployments.reference [--check]``, in the source tree.

Everything comes from the code (settings, command, OpenAPI, actions, messages, tools, blocks) and
nothing from the machine.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import typer
from fastapi import FastAPI
from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings
from starlette.requests import HTTPConnection

from api.http.app import create_app
from api.http.errors import Rejection
from deployments import catalogue, metrics_page, tools_page
from deployments.asyncapi import document
from deployments.asyncapi import page as messages_page
from deployments.block_documents import page as blocks_page
from deployments.cli import app as command
from deployments.markdown import flowing, page, table
from deployments.monitoring import dashboard
from deployments.stack.temporary import only_settings, temporary_settings
from flows.common import actions
from flows.common.callers import Caller
from flows.common.settings import GROUPS, names_of, settings
from flows.housekeeping.domain import TABLES, Kept, Until

ROOT: Final = Path(__file__).parent.parent
_NOWHERE: Final = "postgresql+psycopg://nobody@127.0.0.1:1/prodops"
_METHODS: Final = ("get", "post", "put", "patch", "delete", "options")
_AUTH: Final = {
    "": "anybody",
    "reader": "anybody; where reads are closed: scope `read`",
    "scraper": "anybody; where reads are closed: scope `read`",
    "caller": "whoever is known",
    "listener": "whoever is known, and visitors where reads are open",
    "writer": "scope `{scope}`",
}
_PLAIN: Final = re.compile(r"[\w./:@%+~*,-]*")


def pages() -> dict[str, str]:
    """The text of each generated file, by its path from the root of the source tree."""
    with _nothing_set():
        app = create_app(temporary_settings({"PRODOPS_DATABASE_URL": _NOWHERE}))
        described = app.openapi()
        routes = asyncio.run(_routes(app, described))
    return {
        ".env.example": _env_example(),
        "docs/reference/settings.md": _settings_page(),
        "docs/reference/commands.md": _commands_page(),
        "docs/reference/api.md": _api_page(routes),
        "docs/reference/openapi.json": json.dumps(described, indent=1, sort_keys=True) + "\n",
        "docs/reference/actions.md": _actions_page(),
        "docs/reference/asyncapi.yaml": document.as_yaml(),
        "docs/reference/messages.md": messages_page.text(),
        "docs/reference/mcp.md": tools_page.text(),
        "docs/reference/blocks.md": blocks_page.text(),
        "docs/reference/retention.md": _retention_page(),
        "docs/reference/metrics.md": metrics_page.text(),
        "deployments/prefect.yaml": catalogue.prefect_yaml(),
        "deployments/monitoring/grafana-dashboard.json": dashboard.text(),
    }


def stale(root: Path = ROOT) -> list[str]:
    """The files that are not as they would be generated."""
    return [path for path, text in pages().items() if _read(root / path) != text]


def write(root: Path = ROOT) -> list[str]:
    """Bring every generated file up to date; gives those that changed."""
    changed = {path: text for path, text in pages().items() if _read(root / path) != text}
    for path, text in changed.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return list(changed)


def _read(path: Path) -> str | None:
    return path.read_text() if path.exists() else None


# ------------------------------------------------------------------ settings


def _env_example() -> str:
    lines = [
        "# Settings of prodops. Copy this file to .env and uncomment what you change.",
        "# Made by `python -m deployments.reference` from flows/common/settings/.",
    ]
    for group in GROUPS.values():
        lines += ["", f"# ---- {group.__doc__}"]
        for field, info in group.model_fields.items():
            value = shown_value(group, field)
            quoted = value if _PLAIN.fullmatch(value) else f"'{value}'"
            lines += ["", f"# {info.description}", f"#{names_of(group, field)[0]}={quoted}"]
    return "\n".join(lines) + "\n"


def _retention_page() -> str:
    going = {name: each for name, each in TABLES.items() if isinstance(each, Until)}
    staying = {name: each for name, each in TABLES.items() if isinstance(each, Kept)}
    lines = [
        "What `prune_history` deletes of each table, and why the rest stays. Where two settings",
        "are named, a row goes by whichever is reached first.",
        "",
        *table(
            ("Table", "Its rows go by"),
            [
                (f"`{name}`", ", ".join(f"`{setting}`" for setting in each.settings))
                for name, each in sorted(going.items())
            ],
        ),
        "",
        *table(
            ("Table", "Its rows stay, for it holds"),
            [(f"`{name}`", each.reason) for name, each in sorted(staying.items())],
        ),
    ]
    return page("What is kept", lines)


def _settings_page() -> str:
    lines = [
        "A setting is read from the environment, then from `.env` in the current directory, then",
        "from its default. Names are those of environment variables. A second name is the",
        "original agents' and works too; the first takes precedence. An invalid value, or an",
        "unknown `PRODOPS_` name in the environment, ends the command with one line and exit",
        "code 2.",
    ]
    for name, group in GROUPS.items():
        lines += ["", f"## {name}", "", str(group.__doc__), ""]
        lines += table(
            ("Name", "Default", "Meaning"),
            [
                (
                    "<br>".join(f"`{each}`" for each in names_of(group, field)),
                    f"`{value}`" if (value := shown_value(group, field)) else "unset",
                    str(info.description),
                )
                for field, info in group.model_fields.items()
            ],
        )
    return page("Settings", lines)


def shown_value(group: type[BaseSettings], field: str) -> str:
    """A setting's default as one writes it in the environment; empty where there is none."""
    default = group.model_fields[field].default
    if default in {None, PydanticUndefined}:
        return ""
    if isinstance(default, tuple):
        return ",".join(f"{each:g}" if isinstance(each, float) else str(each) for each in default)
    return str(default).lower() if isinstance(default, bool) else str(default)


# ------------------------------------------------------------------ commands


def commands() -> dict[str, Any]:
    """Every command that is not hidden, by its whole name, e.g. ``prodops token create``."""
    return dict(_walk("prodops", typer.main.get_command(command)))


def _walk(name: str, found: Any) -> Iterator[tuple[str, Any]]:
    if found.hidden:
        return
    yield name, found
    for below, each in sorted(getattr(found, "commands", {}).items()):
        yield from _walk(f"{name} {below}", each)


def _commands_page() -> str:
    lines = ["Each command and group also has `--help`."]
    for name, found in commands().items():
        depth = "##" if name.count(" ") < 2 else "###"  # noqa: PLR2004 - a command of a group
        lines += ["", f"{depth} `{_usage(name, found)}`", "", flowing(found.help or "")]
        rows = [row for parameter in found.params if (row := _parameter(parameter))]
        if rows:
            lines += ["", *table(("Option", "Default", "Meaning"), rows)]
    return page("Commands", lines)


def _usage(name: str, found: Any) -> str:
    if hasattr(found, "commands"):
        return f"{name} COMMAND"
    arguments = [each for each in found.params if each.param_type_name == "argument"]
    return " ".join([name, *(_argument(each) for each in arguments)])


def _argument(parameter: Any) -> str:
    shown = (parameter.metavar or parameter.name).upper()
    return str(shown if parameter.required else f"[{shown}]")


def _parameter(parameter: Any) -> tuple[str, str, str] | None:
    """A row for an argument or option; None where it is hidden or every command has it."""
    if parameter.hidden or parameter.name in {"help", "install_completion", "show_completion"}:
        return None
    is_argument = parameter.param_type_name == "argument"
    names = [_argument(parameter)] if is_argument else _options(parameter)
    default = parameter.default
    is_shown = default is not None and default is not False and default != ""
    text = json.dumps(default) if isinstance(default, bool) else str(default)
    shown = f"`{text}`" if is_shown else ""
    return "<br>".join(f"`{each}`" for each in names), shown, flowing(parameter.help or "")


def _options(parameter: Any) -> list[str]:
    long_first = sorted(parameter.opts, key=len, reverse=True)
    value = "" if parameter.is_flag else f" {(parameter.metavar or parameter.name).upper()}"
    return [f"{long_first[0]}{value}", *long_first[1:], *parameter.secondary_opts]


# ------------------------------------------------------------------ the API


async def _routes(app: FastAPI, described: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    """Method, path, who may, and summary of each route in the description.

    Everybody is refused, so that it is seen which right a route asks for.
    """
    asked = ""

    def refusing(right: str) -> Callable[..., Awaitable[Caller]]:
        async def refuse(_connection: HTTPConnection, scope: str = "", **_: int) -> Caller:
            nonlocal asked
            asked = _AUTH[right].format(scope=scope)
            raise Rejection(403, {"detail": right})

        return refuse

    for right in filter(None, _AUTH):
        setattr(app.state.gatekeeper, right, refusing(right))
    transport = httpx.ASGITransport(app=app)
    found = []
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        for path, methods in described["paths"].items():
            for method in (each for each in _METHODS if each in methods):
                asked = ""
                await client.request(method, re.sub(r"{.*?}", "1", path), json={})
                summary = methods[method].get("summary", "")
                found.append((method.upper(), path, asked or _AUTH[""], summary))
    app.state.engine.dispose()
    return found


def _api_page(routes: Iterable[tuple[str, str, str, str]]) -> str:
    lines = [
        "The whole description, with forms and examples, is in [openapi.json](openapi.json); a",
        "running API shows it at `/docs`. A path without its trailing slash is served too. With",
        "`PRODOPS_ROOT_PATH` every path has that prefix. Refusals are described in",
        "[refusals.md](refusals.md). Assistants call the tools of [the MCP server](mcp.md) at",
        "`/mcp/`.",
        "",
        "Who calls is known by a token (`Authorization: Token KEY`, or `Bearer`), by a browser's",
        "session, or by one of `PRODOPS_API_TRUSTED_PROXIES` that names the user in",
        "`X-Remote-User`. What a scope permits, and what a refusal says, stands in",
        "[the border](../explanation/border.md). A write of a session or a proxied user must be",
        "sent as `Content-Type: application/json`, also without a body; else the answer is 415.",
        "",
        *table(
            ("Method", "Path", "Who may", "What it does"),
            [(method, f"`{path}`", who, what) for method, path, who, what in routes],
        ),
        "",
        "Pages, for browsers: `/` (start), `/fastmon/` (live), `/pcs/tasks/`, `/pcs/tasks/NAME/`,",
        "`/panda/jobs/ID/log/`, `/panda/jobs/ID/payload-log/` (one text), `/pcs/catalog/` (and",
        "`/pcs/catalog.csv`, `/pcs/catalog.json`), `/pcs/did/?did=scope:/name`, `/pcs/reports/`,",
        "`/pcs/reports/ID/`, `/requests/`, `/requests/ID/`, `/workflows/`, `/workflows/ID/`,",
        "`/system/`, `/access/`, `/login/`, `/docs`.",
    ]
    return page("The API", lines)


# ------------------------------------------------------------------ actions


def _at_a_time(action: actions.Action) -> str:
    """How many runs of the action there may be at a time, with nothing set."""
    with _nothing_set():
        own = action.at_a_time()
    known = [limit for limit in (action.runs_at_a_time, own) if limit is not None]
    return str(min(known)) if known else "any number"


def _actions_page() -> str:
    lines = ["What can be requested. Each action has a deployment of the same name in Prefect."]
    for name, action in actions.all_actions().items():
        schema = action.parameters.model_json_schema()
        lines += ["", f"## `{name}`", "", action.summary, ""]
        lines += table(
            ("Property", "Value"),
            [
                ("Trigger", f"`POST /api/actions/{name}/` or `prodops run {name}`"),
                ("Flow", f"`{actions.entrypoints()[name]}`"),
                ("Scope", f"`{action.scope}`"),
                ("Time limit", f"{action.timeout_seconds:g} s"),
                ("When its run is lost", f"`{action.on_lost}`"),
                ("Runs at a time", _at_a_time(action)),
                ("Schedule", f"`{action.schedule}` UTC" if action.schedule else "none"),
            ],
        )
        rows = [
            (
                f"`{field}`",
                _type(described, schema.get("$defs", {})),
                _default(described, is_required=field in schema.get("required", ())),
                described.get("description", ""),
            )
            for field, described in schema.get("properties", {}).items()
        ]
        if rows:
            lines += ["", *table(("Parameter", "Type", "Default", "Meaning"), rows)]
    return page("Actions", lines)


def _default(described: Mapping[str, Any], *, is_required: bool) -> str:
    if is_required:
        return "required"
    return f"`{json.dumps(described['default'])}`" if "default" in described else "empty"


def _type(described: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    choices = described.get("anyOf", [described])
    found = (
        definitions[each["$ref"].split("/")[-1]] if "$ref" in each else each for each in choices
    )
    return " or ".join(_one_type(each) for each in found)


def _one_type(schema: Mapping[str, Any]) -> str:
    """The type's name, with the values or the fields that are possible."""
    if values := schema.get("enum"):
        return f"{schema['type']}: {', '.join(f'`{each}`' for each in values)}"
    if fields := schema.get("properties"):
        return f"object of {', '.join(f'`{each}`' for each in fields)}"
    return str(schema["type"])


@contextmanager
def _nothing_set() -> Iterator[None]:
    """Hide this process's own settings; name a database, so that engines can be made."""
    with only_settings({"PRODOPS_DATABASE_URL": _NOWHERE}):
        settings.cache_clear()
        try:
            yield
        finally:
            settings.cache_clear()


def main() -> int:
    """Write the files; with ``--check`` only name those that are stale, exit 1 if any."""
    is_check = "--check" in sys.argv[1:]
    found = stale() if is_check else write()
    for path in found:
        sys.stdout.write(f"{'stale' if is_check else 'written'}: {path}\n")
    return 1 if is_check and found else 0


if __name__ == "__main__":
    sys.exit(main())
