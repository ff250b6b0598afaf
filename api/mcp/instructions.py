"""What an assistant is told about this server before it calls anything."""

from __future__ import annotations

from typing import Final

NAME: Final = "swf-testbed"
"""What the original's clients know the server by (fastmon contract section 7.4)."""
INSTRUCTIONS: Final = """\
This server is ePIC's production operations and fast monitoring (prodops).

What it knows: production tasks and their submission to PanDA, payload logs, the provenance of
datasets and campaigns, requests (what was asked for and what came of it), and the streaming
testbed: agents, workflows, data-taking runs, STF and TF files, messages and logs.

How to work with it:
- Begin with get_system_state where you do not know what is going on, and with the list tools
  where you look for something. Filter rather than page through everything.
- Lists answer items, total_count, has_more and monitor_urls; for more, ask with a larger offset.
- Times are ISO 8601; one without a zone is taken to be in UTC, and the answer says so.
- What is started is a request: the answer has its request_id, by which get_request tells what came
  of it.
- A state `unknown` means that the outcome is being established. It is not a failure: say so, and
  do not ask for the same thing again.
- Give people the links of the answers.
- An error says what is wrong and what to do. A missing scope is given by an operator, not by you.
- Before what cannot be undone, ask the person.
"""
