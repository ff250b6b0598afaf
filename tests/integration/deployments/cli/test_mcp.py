"""`prodops mcp`: the monitor's tools over standard input and output."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from typing import Any

import pytest
from fastmcp import Client
from fastmcp.client.transports import StdioTransport

pytestmark = pytest.mark.integration

COMMAND = ["-m", "deployments.cli", "mcp"]


def environment(served_api, **more: str) -> dict[str, str]:
    """What a client gives the command: no database."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    access = {"SWF_MONITOR_URL": served_api.url, "SWF_API_TOKEN": served_api.token}
    return kept | access | more


def test_tools_prompts_and_errors_are_passed_on(served_api, tmp_path):
    async def session() -> dict[str, Any]:
        said = tmp_path / "said"
        transport = StdioTransport(
            sys.executable, COMMAND, env=environment(served_api), log_file=said
        )
        async with Client(transport) as client:
            found = {
                "tools": {each.name for each in await client.list_tools()},
                "prompts": {each.name for each in await client.list_prompts()},
                "answer": await client.call_tool("list_runs", {}),
                "error": await client.call_tool("list_runs", {"rum": 1}, raise_on_error=False),
            }
            served_api.stop()
            found["away"] = await client.call_tool("list_runs", {}, raise_on_error=False)
            served_api.start()
            found["back"] = await client.call_tool("list_runs", {})
        return found | {"stderr": said.read_text()}

    found = asyncio.run(session())
    assert {"list_runs", "swf_list_runs"} <= found["tools"]
    assert "write_shift_summary" in found["prompts"]
    assert found["answer"].structured_content["total_count"] == 0
    assert "rum: There is no such argument." in found["error"].structured_content["error"]
    assert found["away"].is_error
    assert found["back"].structured_content["items"] == []
    assert found["stderr"] == ""


@pytest.mark.parametrize(
    ("given", "code", "words"),
    [
        ({"SWF_API_TOKEN": ""}, 2, "SWF_API_TOKEN is not set"),
        ({"SWF_MONITOR_URL": "monitor"}, 2, "no http:// or https:// address: monitor"),
        ({"SWF_API_TOKEN": "wrong"}, 3, "refuses the token of SWF_API_TOKEN"),
    ],
)
def test_what_is_missing_or_not_good_is_one_line(served_api, given, code, words):
    done = subprocess.run(  # noqa: PLW1510 - the code is what is looked at
        [sys.executable, *COMMAND], env=environment(served_api, **given), input="",
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (code, "")
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1
