"""`prodops logs-of`: the payload log of a job, fetched where it is not there, and printed."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Final

import httpx
import typer

from blocks import monitor_api
from blocks.errors import ProdOpsError
from blocks.monitor_api import StreamFilter, TokenRefused
from blocks.monitor_api.payload_logs import PayloadLogApi, PayloadLogState
from deployments.cli.events import reading
from deployments.cli.monitor_access import INTERRUPTED, Token, Url, any_token, monitor_url
from deployments.cli.payload_logs import waiting
from deployments.cli.payload_logs.terminal import harmless
from deployments.cli.payload_logs.waiting import EXIT_CODES, FetchEvent, Outcome, Result
from deployments.cli.text import tell
from flows.common.settings import BadSetting

_WAIT_SECONDS: Final = 200.0  # a fetch may take 180 s
_MAX_ID: Final = 2**63 - 1
_EMPTY: Final = b"(log cached but empty)\n"


def print_log(
    pandaid: Annotated[
        str, typer.Argument(metavar="PANDAID", help="The job at PanDA.", show_default=False)
    ],
    *,
    member: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Only this file, without a header; repeatable."),
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Wait for it without a time limit.")
    ] = False,
    no_wait: Annotated[
        bool, typer.Option("--no-wait", help="Request it, and do not wait for it.")
    ] = False,
    timeout: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="How long to wait for it at most.")
    ] = _WAIT_SECONDS,
    force: Annotated[
        bool, typer.Option("--force", help="Fetch it again, even if it is cached.")
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write the files into a directory, print their paths."),
    ] = None,
    url: Url = None,
    token: Token = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object that describes the log.")
    ] = False,
) -> None:
    """Print the payload log of a PanDA job; it is fetched from storage unless cached.

    Exit codes: 0 printed. 2 wrong usage. 3 PanDA knows no such job, or no log of it, or the log has
    no such file. 5 the fetch failed. 6 the wait ended before the fetch, which continues.
    7 not reachable, or not allowed.
    """
    job = _job(pandaid)
    seconds = None if follow else 0.0 if no_wait else timeout
    try:
        with PayloadLogApi(monitor_url(url), any_token(token)) as api:
            result = _find(api, job, url, any_token(token), force=force, seconds=seconds)
            if result.outcome is Outcome.READY and result.log is not None:
                result = _hand_over(api, result, member or [], output, as_json=as_json)
    except BadSetting:
        raise
    except KeyboardInterrupt:
        tell("the fetch goes on; the same command shows it when it is there")
        raise typer.Exit(INTERRUPTED) from None
    except ProdOpsError as error:
        # A newer fetch may take the place of the one that is being read.
        is_replaced = getattr(error, "status", 0) == httpx.codes.CONFLICT
        outcome = Outcome.FAILED if is_replaced else Outcome.UNREACHABLE
        result = Result(outcome, _reason(error, token))
    _conclude(job, result, as_json=as_json)


def _job(text: str) -> int:
    is_number = text.isascii() and text.isdecimal() and len(text) <= len(str(_MAX_ID))
    if not is_number or not 1 <= int(text) <= _MAX_ID:
        raise typer.BadParameter(f"{text}: a PanDA job is named by a positive whole number")
    return int(text)


def _find(
    api: PayloadLogApi,
    pandaid: int,
    url: str | None,
    token: str | None,
    *,
    force: bool,
    seconds: float | None,
) -> Result:
    """The log as it is, or as it comes; the stream is opened before it is asked for."""
    known = api.log(pandaid)
    if known is not None and not force:
        is_given_up = known.state == Outcome.FAILED and known.attempts >= known.max_attempts
        if known.is_cached:
            return waiting.result_of(known)
        if is_given_up:
            text = f"{known.last_error} ({known.attempts} attempts failed; --force tries again)"
            return Result(Outcome.FAILED, text, known)
    if token is None:
        reason = "to have a log fetched a token is needed: set SWF_API_TOKEN or give --token"
        return Result(Outcome.UNREACHABLE, reason, known)
    if seconds == 0:
        asked = api.fetch(pandaid, force=force)
        return Result(Outcome.PENDING, f"request {asked.id} is {asked.state}", request_id=asked.id)
    wanted = StreamFilter(msg_types=tuple(FetchEvent), subject=str(pandaid))
    with monitor_api.MonitorApi(monitor_url(url), token) as monitor:
        stream = monitor.follow(wanted, report=tell)
        with reading(stream, report=tell) as events:
            asked = api.fetch(pandaid, force=force)
            with waiting.shown(f"job {pandaid}: request {asked.id}") as show:
                return waiting.follow(
                    api, pandaid, asked, events=events, show=show, timeout_seconds=seconds
                )


# ------------------------------------------------------------------ handing over


def _hand_over(
    api: PayloadLogApi, result: Result, wanted: Sequence[str], output: Path | None, *, as_json: bool
) -> Result:
    """Print the members, or write them; with `--json` alone they are only described."""
    log = result.log
    assert log is not None  # noqa: S101 - what is ready has one
    names = [each.name for each in log.members]
    if missing := [name for name in wanted if name not in names]:
        reason = f"the log has no {missing[0]!r}; it has {', '.join(names) or 'nothing'}"
        return Result(Outcome.NO_MEMBER, reason, log, result.request_id)
    chosen = list(wanted) or names
    if output is not None:
        for path in _write(api, log, chosen, output):
            typer.echo(str(path), err=as_json)
    elif not as_json:
        _print(api, log, chosen, has_headers=not wanted)
    if not as_json:
        for remark in log.remarks:
            tell(f"job {log.pandaid}: {remark}")
    return result


def _print(
    api: PayloadLogApi, log: PayloadLogState, names: Sequence[str], *, has_headers: bool
) -> None:
    """As the text page does; a terminal gets no control sequences of the payload."""
    out = typer.get_binary_stream("stdout")
    is_terminal = sys.stdout.isatty()
    zips = {each.name: each.size_bytes for each in log.members if each.name in log.binaries}
    for name in names:
        if has_headers:
            out.write(f"===== {name} =====\n".encode())
        if name in zips and (has_headers or is_terminal):
            out.write(f"(a zip of {zips[name]} bytes: --output writes it)\n".encode())
            continue
        chunks = api.member(log, name)
        for chunk in harmless(chunks) if is_terminal else chunks:
            out.write(chunk)
        if has_headers:
            out.write(b"\n")
    if has_headers and sum(each.size_bytes for each in log.members) == 0:
        out.write(_EMPTY)
    out.flush()


def _write(
    api: PayloadLogApi, log: PayloadLogState, names: Sequence[str], output: Path
) -> Iterator[Path]:
    """Write the members, each whole or not at all."""
    for name in names:
        # The names come from outside: none leads out of the directory.
        if Path(name).name != name or name.startswith("."):
            raise ProdOpsError(f"the monitor names a file {name!r}, which is not written")
        path, part = output / name, output / f".{name}.part"
        try:
            output.mkdir(parents=True, exist_ok=True)
            with part.open("wb") as file:
                file.writelines(api.member(log, name))
            part.replace(path)
        except OSError as error:
            raise typer.BadParameter(f"--output {output}: {error}") from None
        finally:
            with suppress(OSError):
                part.unlink(missing_ok=True)
        yield path


# ------------------------------------------------------------------ its end


def _conclude(pandaid: int, result: Result, *, as_json: bool) -> None:
    if as_json:
        log = result.log.model_dump(mode="json") if result.log is not None else None
        outcome = {"outcome": result.outcome, "reason": result.reason or None}
        about = {"request_id": result.request_id, "log": log}
        typer.echo(json.dumps({"pandaid": pandaid, **outcome, **about}))
    elif result.outcome is not Outcome.READY:
        label = f"job {pandaid}: "
        tell(result.reason if result.reason.startswith(label) else label + result.reason)
    raise typer.Exit(EXIT_CODES[result.outcome])


def _reason(error: ProdOpsError, token: str | None) -> str:
    is_unknown = isinstance(error, TokenRefused) and any_token(token) is None
    return f"{error}; set SWF_API_TOKEN or give --token" if is_unknown else str(error)
