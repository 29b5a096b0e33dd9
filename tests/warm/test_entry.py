"""A warm command is, for whoever runs it, the cold command."""

import json
import os
import signal
import subprocess
import time

import pytest


def as_shell(status: int) -> int:
    """Exit status as a shell says it: 128 + n for a process that died by signal n."""
    return status if status >= 0 else 128 - status


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["answer", 0], 0),
        (["answer", 3], 3),
        (["answer", 300], 300 % 256),
        (["nothing"], 0),
        (["leave", "nothing to read"], 1),
        (["fail"], 1),
        (["interrupt"], 128 + signal.SIGINT),
        (["abort"], 128 + signal.SIGABRT),
        (["die", int(signal.SIGKILL)], 128 + signal.SIGKILL),
        (["speak"], 0),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else None,
)
def test_status_and_output_equal_those_of_a_cold_run(bench, address, arguments, status):
    warm, cold = bench.run(*arguments, address=address), bench.run(*arguments)
    assert warm.returncode == as_shell(cold.returncode) == status
    assert warm.stdout == cold.stdout
    assert warm.stderr.splitlines()[-1:] == cold.stderr.splitlines()[-1:]


def test_traceback_shows_the_command_and_not_the_helper(bench, address):
    stderr = bench.run("fail", address=address).stderr
    assert "standin.py" in stderr and "no such cell: digits-adam" in stderr
    assert "warm.py" not in stderr


def test_output_goes_to_the_files_of_the_shell_that_calls(bench, address):
    line = " ".join(bench.command("speak"))
    ways = (f"{line} > out.log 2> err.log", f"{line} > both.log 2>&1", f"{line} 2>&1 | cat > piped.log")
    script = "; ".join(["set -euo pipefail", *ways])
    subprocess.run(["bash", "-c", script], cwd=bench.folder, env=bench.environment(address), check=True)
    read = {name: (bench.folder / f"{name}.log").read_text() for name in ("out", "err", "both", "piped")}
    assert read["out"] == "to stdout\n" and read["err"] == "to stderr\n"
    assert sorted(read["both"].splitlines()) == sorted(read["piped"].splitlines()) == ["to stderr", "to stdout"]


def test_reads_the_stdin_of_the_client(bench, address):
    assert bench.run("repeat", address=address, input="a\nb").stdout == "A\nB"


def test_a_full_disk_is_not_a_success(bench, address):
    with open("/dev/full", "w") as full:
        warm = bench.run("speak", address=address, stdout=full)
        cold = bench.run("speak", stdout=full)
    assert warm.returncode == cold.returncode == 120


def test_environment_folder_umask_and_arguments_are_the_clients(bench, address):
    (bench.folder / "sub").mkdir()
    raw = os.fsdecode(b"\xff\xfe")
    for number in range(2):
        environment = bench.environment(address, **{f"ONLY_{number}": "yes", "RAW": raw, "TMPDIR": f"/tmp/{number}"})
        del environment["HOME"]
        options = {"env": environment, "cwd": bench.folder / "sub", "umask": 0o027}
        warm = bench.run("where", **options)
        options["env"] = {name: value for name, value in environment.items() if name != "IMPRINT_WARM"}
        cold = bench.run("where", **options)
        assert warm.stderr == ""
        (_, *ours, session), (_, *theirs, _) = json.loads(warm.stdout), json.loads(cold.stdout)
        assert session
        assert ours[-1].pop("IMPRINT_WARM") == address and theirs[-1]["RAW"] == raw
        assert ours == theirs


def test_long_command_line(bench, address):
    done = bench.run("leave", "x" * 100_000, address=address)
    assert done.returncode == 1 and done.stderr == "x" * 100_000 + "\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_reach_the_child(bench, address, number):
    file = bench.folder / "ticks"
    client = bench.start("tick", file, address=address, stderr=subprocess.DEVNULL)
    child, _ = bench.ticking(file)
    client.send_signal(number)
    assert client.wait(60) == 128 + number
    bench.assert_still(file, child)


def test_the_child_may_handle_a_signal(bench, address):
    file = bench.folder / "ticks"
    client = bench.start("handle", file, address=address)
    bench.ticking(file)
    client.terminate()
    assert client.wait(60) == 7


def test_client_killed_ends_the_child_and_its_family(bench, address):
    file, family = bench.folder / "ticks", bench.folder / "family"
    client = bench.start("tick", file, family, address=address)
    child, _ = bench.ticking(file)
    grandchild, _ = bench.ticking(family)
    client.kill()
    client.wait(60)
    bench.assert_still(file, child, grandchild)
    bench.assert_still(family)


def test_shell_killed_ends_the_child(bench, address):
    file = bench.folder / "ticks"
    script = f"set -euo pipefail; {' '.join(bench.command('tick', file))} > log 2>&1; true"
    shell = subprocess.Popen(["bash", "-c", script], cwd=bench.folder, env=bench.environment(address))
    child, _ = bench.ticking(file)
    shell.kill()
    shell.wait(60)
    bench.assert_still(file, child)


def test_helper_killed_ends_child_and_client(bench, address):
    file = bench.folder / "ticks"
    client = bench.start("tick", file, address=address, stderr=subprocess.PIPE)
    child, helper = bench.ticking(file)
    os.kill(helper, signal.SIGKILL)
    _, stderr = client.communicate(timeout=60)
    assert client.returncode == 1 and "helper ended" in stderr
    bench.assert_still(file, child)


def test_many_clients_at_once(bench, address):
    clients = [bench.start("answer", number, address=address) for number in range(40)]
    assert [client.wait(60) for client in clients] == list(range(40))


def test_crashes_do_not_touch_the_others(bench, address):
    file = bench.folder / "ticks"
    steady = bench.start("tick", file, address=address)
    child, _ = bench.ticking(file)
    for crash in (["abort"], ["die", 9], ["fail"]):
        assert bench.run(*crash, address=address).returncode != 0
    size = file.stat().st_size
    time.sleep(0.2)
    assert steady.poll() is None and file.stat().st_size > size
    steady.kill()
    steady.wait(60)
    bench.assert_still(file, child)
