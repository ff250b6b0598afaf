"""Stands for `timeout -s INT SECONDS COMMAND` in the tutorial: a reader who waits for what it says.

Ctrl+C comes a second after as many events as the page promises (``EVENTS``), on a busy machine
later than the page's seconds.
"""

import os
import signal
import subprocess
import sys
import threading

INTERRUPTED = 124  # as `timeout` ends
PATIENCE = 180.0

awaited = int(os.environ["EVENTS"])
command = subprocess.Popen(sys.argv[4:], stdout=subprocess.PIPE, text=True)
interruption = threading.Timer(PATIENCE, command.send_signal, [signal.SIGINT])
interruption.start()
for line in command.stdout:
    sys.stdout.write(line)
    sys.stdout.flush()
    awaited -= line.startswith("[")
    if not awaited:
        interruption.cancel()
        interruption = threading.Timer(1.0, command.send_signal, [signal.SIGINT])
        interruption.start()
command.wait()
interruption.cancel()
sys.exit(INTERRUPTED)
