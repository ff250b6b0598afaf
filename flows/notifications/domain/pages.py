"""Where the pages about things are, below the pages' address."""

from __future__ import annotations

from urllib.parse import quote

from flows.notifications.domain.happenings import Link


def request(request_id: int) -> Link:
    """The page of a request."""
    return Link(text=f"request {request_id}", path=f"/requests/{request_id}/")


def task(name: str) -> Link:
    """The page of a production task."""
    return Link(text="task", path=f"/pcs/tasks/{quote(name, safe='')}/")


def job_log(pandaid: str) -> Link:
    """The log of a PanDA job."""
    return Link(text="log", path=f"/panda/jobs/{quote(pandaid, safe='')}/log/")


def did(did_name: str) -> Link:
    """The page of a dataset or file."""
    return Link(text="dataset", path=f"/pcs/did/?did={quote(did_name, safe=':/')}")


def campaign(name: str) -> Link:
    """The catalog of a campaign."""
    return Link(text="catalog", path=f"/pcs/catalog/?campaign={quote(name, safe='')}")


def path(requested: str) -> Link:
    """The catalog's entries of a requested path."""
    return Link(text="catalog", path=f"/pcs/catalog/?q={quote(requested, safe='')}")


def system() -> Link:
    """The page of the system."""
    return Link(text="system", path="/system/")


def report(report_id: int) -> Link:
    """A completion report."""
    return Link(text="report", path=f"/pcs/reports/{report_id}/")


def held(summary_id: int) -> Link:
    """The notifications that a summary tells."""
    return Link(text="all of them", path=f"/notifications/?summary={summary_id}")
