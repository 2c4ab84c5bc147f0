"""One writer at a time, and a dead one never keeps the lock."""

import os
import signal
import subprocess
import sys
import textwrap

from roi_engine.warehouse import lock


def holder(root):
    """Start a process that holds the lock until it is killed."""
    code = textwrap.dedent(f"""
        import time
        from pathlib import Path
        from roi_engine.warehouse import lock
        with lock.writing(Path({str(root)!r})):
            print("held", flush=True)
            time.sleep(60)
    """)
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_writer_waits_and_is_told_for_whom(tmp_path):
    process = holder(tmp_path)
    said = []

    def on_wait(line):
        said.append(line)
        os.kill(process.pid, signal.SIGKILL)

    with lock.writing(tmp_path, on_wait=on_wait):
        assert said == [f"another run (process {process.pid}) writes this lake; waiting"]
    process.wait()


def test_a_killed_writer_leaves_the_lock_free(tmp_path):
    process = holder(tmp_path)
    process.kill()
    process.wait()
    said = []
    with lock.writing(tmp_path, on_wait=said.append):
        assert said == []
