"""Runs in the environment of a former version: its whole stack, started, stopped and killed.

It reads commands, one a line, and answers each with a line of JSON. It uses of that version only
what every version has.
"""

import json
import os
import signal
import sys
import tempfile

from deployments.stack.stack import Stack
from deployments.stack.temporary import temporary_settings
from flows.common.settings import known_names


def say(**answer: object) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def main() -> None:
    asked = json.loads(sys.argv[1])
    given = {name: value for name, value in asked.items() if name in known_names()}
    stack = Stack(temporary_settings(given), given)
    stack.start()
    say(
        api=stack.api_url,
        prefect=stack.prefect_url,
        ops=stack.environment("ops"),
        web=stack.environment("web"),
    )
    for line in sys.stdin:
        word, *names = line.split()
        if word == "kill":
            stack.kill()
            say(done=word)
            os._exit(0)
        elif word == "freeze":  # what is asked for from now on waits
            os.kill(stack.pid(names[0]), signal.SIGSTOP)
        elif word == "thaw":
            os.kill(stack.pid(names[0]), signal.SIGCONT)
        elif word == "stop":
            stack.stop_part(names[0])
        elif word == "start":
            stack.start_part(names[0])
        elif word == "end":
            stack.stop()
        say(done=word)


if __name__ == "__main__":
    os.chdir(tempfile.gettempdir())
    main()
