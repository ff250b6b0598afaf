"""`prodops mcp`: the monitor's tools over standard input and output."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from functools import partial
from typing import Any

import pytest
from fastmcp import Client
from fastmcp.client.transports import StdioTransport
from mcp import MCPError

from flows.common import access
from flows.common.database import transaction
from flows.common.models import ApiToken
from tests.cases import same

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


def test_a_monitor_that_is_away_or_refuses_the_token_has_no_empty_list(
    served_api, database, tmp_path
):
    async def session() -> dict[str, Any]:
        transport = StdioTransport(sys.executable, COMMAND, env=environment(served_api))
        async with Client(transport) as client:
            found = {"away": await refusals(client)}
            served_api.start()
            found["tools"] = len(await client.list_tools())
            with transaction(database.ops_engine) as opened:
                for token in opened.query(ApiToken):
                    access.revoke_token(opened, token.id)
            served_api.restart()  # it remembers no token
            found["revoked"] = await refusals(client)
        return found

    served_api.stop()
    found = asyncio.run(session())
    assert found["tools"] > 70
    for text in found["away"]:
        assert text.startswith(f"the monitor is away, at {served_api.url}/mcp/: ")
        assert "Call again in a minute; if it stays away, tell an operator." in text
    for text in found["revoked"]:
        assert "refuses the token of SWF_API_TOKEN" in text
        assert "`prodops token create` or the page /me/ makes" in text


async def refusals(client: Client) -> list[str]:
    """Why nothing is listed, found, or done."""
    asked = (
        client.list_tools,
        client.list_prompts,
        partial(client.get_prompt, "what_is_missing", {"campaign": "x"}),
    )
    texts = []
    for each in asked:
        with pytest.raises(MCPError) as refused:
            await each()
        texts.append(refused.value.message)
    answer = await client.call_tool("pcs_prodtask_submit", {"name": "x"}, raise_on_error=False)
    assert answer.is_error
    assert answer.structured_content["error"] == answer.content[0].text
    assert answer.content[0].text.endswith("Nothing was done.")
    return [*texts, answer.content[0].text]


@pytest.mark.parametrize(
    ("given", "code", "words"),
    same(
        ({"SWF_API_TOKEN": "wrong"}, 3, "refuses the token of SWF_API_TOKEN"),
        ({"SWF_API_TOKEN": ""}, 2, "SWF_API_TOKEN is not set"),
        ({"SWF_MONITOR_URL": "monitor"}, 2, "no http:// or https:// address: monitor"),
    ),
)
def test_what_is_missing_or_not_good_is_one_line(served_api, given, code, words):
    done = subprocess.run(  # noqa: PLW1510 - the code is what is looked at
        [sys.executable, *COMMAND], env=environment(served_api, **given), input="",
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (code, "")
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.slow
def test_a_bot_that_loops_hears_so_in_the_monitors_words(monkeypatch, request):
    monkeypatch.setenv("PRODOPS_MCP_CALLS_A_MINUTE", "3")
    served_api = request.getfixturevalue("served_api")

    async def session() -> str:
        transport = StdioTransport(sys.executable, COMMAND, env=environment(served_api))
        async with Client(transport) as client:
            with pytest.raises(MCPError) as listing:
                await asyncio.gather(*(client.list_tools() for _ in range(9)))
            return listing.value.message

    assert asyncio.run(session()).startswith("More than 3 calls in a minute")
