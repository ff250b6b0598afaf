"""An agent of few words, in the originals' way: it says how it is, and does nothing.

`python stub_agent.py KIND [--state STATE] [--stubborn]`
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import threading
import urllib.request


def beat(name: str, kind: str, state: str) -> None:
    said = {
        "instance_name": name, "agent_type": kind.upper(), "status": "OK", "pid": os.getpid(),
        "hostname": socket.gethostname(), "operational_state": state,
    }  # fmt: skip
    request = urllib.request.Request(
        os.environ["SWF_MONITOR_URL"] + "/api/systemagents/heartbeat/",
        data=json.dumps(said).encode(),
        headers={
            "Authorization": f"Token {os.environ['SWF_API_TOKEN']}",
            "Content-Type": "application/json",
        },
    )
    urllib.request.urlopen(request).close()


def main() -> None:
    kind, *options = sys.argv[1:]
    state = options[options.index("--state") + 1] if "--state" in options else "READY"
    ending = threading.Event()
    handler = signal.SIG_IGN if "--stubborn" in options else lambda *_: ending.set()
    signal.signal(signal.SIGQUIT, handler)
    sys.stdout.write(f"{kind}: here, for {os.environ['SWF_TESTBED_CONFIG']}\n")
    sys.stdout.flush()
    beat(f"{kind}-agent-stub-{os.environ['STUB']}", kind, state)
    while not ending.wait(0.1):
        pass


main()
