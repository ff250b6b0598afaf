"""A process that should end does, whatever hangs in it."""

import signal
import subprocess
import sys

HANGS = """
import threading
from deployments import signals
signals.end_within(0.2)
threading.Event().wait()
"""


def test_a_process_that_hangs_at_its_end_is_killed_in_time():
    ended = subprocess.run([sys.executable, "-c", HANGS], timeout=20, check=False)
    assert ended.returncode == -signal.SIGALRM
