"""The helper of a group: found by what its process starts, and gone when that process is, however it ended."""

import os
import signal
import subprocess
import sys

import pytest

GROUP = """
import os, subprocess, sys
from imprint import group
group.PRELOAD = ()
group.serve()
told = "import os; from pathlib import Path; p = Path(os.environ['IMPRINT_WARM']); print(p, p.is_socket(), flush=True)"
subprocess.run([sys.executable, "-c", told], check=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("end", [None, signal.SIGINT, signal.SIGKILL])
def test_a_helper_serves_what_its_process_starts_and_ends_with_it(bench, tmp_path, end):
    process = subprocess.Popen(
        [sys.executable, "-c", GROUP],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    address, listens = process.stdout.readline().split()
    assert address.startswith(str(tmp_path)) and listens == "True"
    if end:
        process.send_signal(end)
    process.communicate()
    bench.until(lambda: not os.path.exists(address))
    assert not list(tmp_path.glob("imprint-*"))
