"""A stand-in of the original agent: it reads the queue that EPICPROD_OPS_QUEUE names.

It prints each message as a line of JSON. As the original does, it speaks STOMP 1.1, takes every
message as delivered, and answers none.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from typing import Any

import stomp


class Printing(stomp.ConnectionListener):
    """Prints what comes; ends the process when the broker is gone."""

    def on_message(self, frame: Any) -> None:
        said = {"headers": dict(frame.headers), "body": frame.body}
        sys.stdout.write(json.dumps(said) + "\n")
        sys.stdout.flush()

    def on_disconnected(self) -> None:
        os._exit(1)


def main() -> None:
    host, port, user, password = sys.argv[1:]
    connection = stomp.Connection11([(host, int(port))], auto_content_length=False)
    connection.set_listener("", Printing())
    connection.connect(user, password, wait=True, headers={"client-id": f"original-{os.getpid()}"})
    connection.subscribe(os.environ["EPICPROD_OPS_QUEUE"], id="1", ack="auto")
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    threading.Event().wait()


if __name__ == "__main__":
    main()
