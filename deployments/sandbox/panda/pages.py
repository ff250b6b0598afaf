"""The sandbox's PanDA monitor: plain pages, light or dark, without anything from elsewhere."""

from __future__ import annotations

import json
from collections.abc import Iterable
from html import escape

from deployments.sandbox.panda.tasks import Task

_STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid #8884; }
td { overflow-wrap: anywhere; }
pre { overflow-x: auto; padding: 1rem; background: #8881; }
"""


def task(shown: Task) -> str:
    """The page of a task: name, state, jobs, parameters."""
    facts = {
        "jediTaskID": shown.id,
        "status": shown.status,
        "user": shown.user_name,
        "created": f"{shown.created_at:%Y-%m-%d %H:%M:%S} UTC",
        "changed": f"{shown.modified_at:%Y-%m-%d %H:%M:%S} UTC",
        "label": shown.label,
        "error": shown.error_dialog or "none",
    }
    jobs = [[job.panda_id, job.serial, job.status, job.attempt] for job in shown.jobs]
    parameters = json.dumps(shown.parameters, indent=2, sort_keys=True)
    return _page(
        shown.name or f"task {shown.id}",
        _table([], [[name, value] for name, value in facts.items()])
        + "<h2>Jobs</h2>"
        + _table(["PandaID", "number", "status", "attempt"], jobs)
        + f"<h2>Parameters</h2><pre>{escape(parameters)}</pre>"
        + '<p><a href="/">All tasks</a></p>',
    )


def task_list(tasks: Iterable[Task]) -> str:
    """The page of all tasks, the newest first."""
    rows = "".join(
        f'<tr><td><a href="/task/{shown.id}/">{shown.id}</a></td>'
        f"<td>{escape(shown.name or '')}</td><td>{shown.status}</td></tr>"
        for shown in reversed([*tasks])
    )
    head = "<tr><th>jediTaskID</th><th>name</th><th>status</th></tr>"
    return _page("PanDA of the sandbox", f"<table>{head}{rows}</table>")


def unknown(task_id: str) -> str:
    """The page of a task that there is not."""
    return _page("No such task", f"<p>There is no task {escape(task_id)}.</p>")


def device(is_let_in: bool) -> str:  # noqa: FBT001 - the page's one fact
    """The page on which a device is let in."""
    text = "You are signed in as Prod Ops." if is_let_in else "There is no such code."
    return _page("Sign in", f"<p>{text}</p>")


def _table(head: list[str], rows: Iterable[list[object]]) -> str:
    titles = "".join(f"<th>{escape(title)}</th>" for title in head)
    lines = "".join(
        "<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<table><tr>{titles}</tr>{lines}</table>" if head else f"<table>{lines}</table>"


def _page(title: str, content: str) -> str:
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>"
        f"<body><h1>{escape(title)}</h1>{content}</body></html>\n"
    )
