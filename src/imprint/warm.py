"""Warm workers: one process imports the heavy modules once and forks a child for each command.

    with warm.server(["torch", "xarray", "zarr"]) as address:
        subprocess.run(["snakemake", ...], env={**os.environ, "IMPRINT_WARM": address})

A command runs in its own session with the arguments, folder, environment and open files of its client
(`imprint.entry`), and as a cold process would: where an import could have seen something else (interpreter,
thread counts, edited sources) the helper declines and the client runs it itself. Client gone: its child
is killed. Helper gone: its children die (Linux) and the clients fail. Starter gone: the helper ends.

What belongs to a process and not to its environment (resource limits, CPU affinity, control group) is the
helper's, so helper and clients belong on one machine and in one allocation: a client in another is declined.
"""

import atexit
import ctypes
import gc
import importlib
import json
import os
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from imprint.entry import GO, interpreter

THREADS = (
    "OMP_NUM_THREADS",
    "GOTO_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)
READ_BY_IMPORTS = tuple(
    "ATEN_ BLIS_ BLOSC_ DNNL_ DYLD_ GOMP_ GOTO_ KMP_ LANG LC_ LD_ MKL_ MPL NPY_ NUMEXPR_ OMP_ ONEDNN_ "
    "OPENBLAS_ PYTHON PYTORCH_ TORCH VECLIB_ ZARR_".split()
)
ALLOCATION = ("SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID", "JOB_ID")
LONGEST_ADDRESS = 100
PR_SET_PDEATHSIG = 1
UNFLUSHED = 120


@contextmanager
def server(preload: Sequence[str], main: str = "imprint.cli:main") -> Iterator[str]:
    """Start a helper that imports `preload`, yield the address for `IMPRINT_WARM`, end it and its children.

    The address is ready at once; commands that arrive during the imports wait. If an import fails, or
    starts a thread, the helper says so on stderr and ends, and commands run without it.
    """
    folder = tempfile.mkdtemp(prefix="imprint-")
    if len(folder) > LONGEST_ADDRESS - len("/socket"):
        os.rmdir(folder)
        folder = tempfile.mkdtemp(prefix="imprint-", dir="/tmp")
    settings = json.dumps({"folder": folder, "preload": list(preload), "main": main, "path": sys.path})
    code = "import json, sys; s = json.loads(sys.argv[1]); sys.path[:] = s.pop('path'); "
    helper = subprocess.Popen(
        [sys.executable, "-c", code + "from imprint import warm; warm.serve(**s)", settings],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
        env={**os.environ, **dict.fromkeys(THREADS, "1")},
    )
    try:
        if not helper.stdout.readline():
            raise RuntimeError(f"the warm helper did not start (exit status {helper.wait()})")
        yield f"{folder}/socket"
    finally:
        helper.terminate()
        helper.wait()
        helper.stdin.close()
        helper.stdout.close()
        shutil.rmtree(folder, ignore_errors=True)


class Command:
    """One client: its connection, the part of its request that has come, and its child once it runs."""

    def __init__(self, connection: socket.socket):
        self.connection = connection
        self.request = b""
        self.files: list[int] = []
        self.accepted: dict = {}
        self.pid: int | None = None

    def complete(self) -> bool:
        """Whether the whole request has come: eight bytes of length, then that many bytes."""
        return len(self.request) >= 8 and len(self.request) - 8 >= int.from_bytes(self.request[:8], "big")

    def answer(self, line: str) -> None:
        """Send a line to the client, which may be gone."""
        with suppress(OSError):
            self.connection.send(f"{line}\n".encode())

    def close_files(self) -> None:
        """Close the client's files, which are only the child's concern."""
        while self.files:
            os.close(self.files.pop())

    def kill(self) -> None:
        """Kill the child and its process group, which the child may not have opened yet."""
        if self.pid is not None:
            for kill in (os.killpg, os.kill):
                with suppress(ProcessLookupError, PermissionError):
                    kill(self.pid, signal.SIGKILL)


def serve(folder: str, preload: list[str], main: str) -> None:
    """Life of the helper: listen, import, then fork a child per request until the starter is gone."""
    environment = dict(os.environ)
    address = Path(folder, "socket")
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(address))
            listener.listen(1024)
            os.write(1, b"ready\n")
            os.dup2(2, 1)
            for name in preload:
                importlib.import_module(name)
                refuse_threads(name)
            Helper(listener, main, environment, local_sources()).run()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class Helper:
    """The loop of the helper process: one thread, no waiting on any single client."""

    def __init__(self, listener: socket.socket, main: str, environment: dict, sources: dict):
        self.listener = listener
        self.main = main
        self.environment = environment
        self.sources = sources
        self.commands: set[Command] = set()
        self.ended, wakeup = socket.socketpair()
        for end in (self.ended, wakeup, listener):
            end.setblocking(False)
        self.owned = (listener, self.ended, wakeup)
        signal.set_wakeup_fd(wakeup.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit())
        self.selector = selectors.DefaultSelector()
        self.selector.register(0, selectors.EVENT_READ)
        self.selector.register(self.ended, selectors.EVENT_READ, self.reap)
        self.selector.register(listener, selectors.EVENT_READ, self.accept)
        sys.stdout.flush()
        gc.collect()
        gc.freeze()

    def run(self) -> None:
        """Serve until the starter ends it, or is gone (end of stdin); the children end with the helper."""
        try:
            while True:
                for key, _ in self.selector.select():
                    if key.fd == 0:
                        return
                    if isinstance(key.data, Command):
                        self.hear(key.data)
                    else:
                        key.data()
        finally:
            for command in self.commands:
                command.kill()

    def accept(self) -> None:
        """Take a new client."""
        with suppress(BlockingIOError, ConnectionError):
            connection, _ = self.listener.accept()
            connection.setblocking(False)
            command = Command(connection)
            self.commands.add(command)
            self.selector.register(connection, selectors.EVENT_READ, command)

    def hear(self, command: Command) -> None:
        """Read a client: its request, then signals to pass on; at its end, the end of its child."""
        if command.connection.fileno() < 0:
            return
        try:
            data, files, _, _ = socket.recv_fds(command.connection, 65536, 3)
        except BlockingIOError:
            return
        except ConnectionError:
            data, files = b"", []
        command.files += files
        if not data:
            command.kill()
            self.leave(command)
        elif command.pid is None and not command.accepted:
            command.request += data
            if command.complete():
                self.consider(command)
        else:
            if command.pid is None:
                self.start(command)
            for number in data.replace(GO, b""):
                os.kill(command.pid, number)

    def consider(self, command: Command) -> None:
        """Accept or decline a complete request."""
        command.accepted = json.loads(command.request[8:])
        if reason := self.difference(command.accepted):
            command.answer(f"cold {reason}")
            self.leave(command)
        else:
            command.answer("run")

    def start(self, command: Command) -> None:
        """Fork the child of a client that now passes on signals; they wait until the child is set up."""
        parent = os.getpid()
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        command.pid = os.fork()
        if command.pid == 0:
            end_like_interpreter(lambda: self.child(command, parent, mask))
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        command.close_files()

    def difference(self, request: dict) -> str | None:
        """What a module imported by the helper could have seen otherwise in the client; None if nothing."""
        if request["interpreter"] != interpreter():
            return "another interpreter or other switches"
        theirs, ours = request["environment"], self.environment
        for name in ALLOCATION:
            if theirs.get(name) != ours.get(name):
                return f"{name} is {theirs.get(name)!r}, in the helper {ours.get(name)!r}: another allocation"
        for name in sorted(set(theirs) | set(ours)):
            if name.startswith(READ_BY_IMPORTS) and theirs.get(name) != ours.get(name):
                return f"{name} is {theirs.get(name)!r}, in the helper {ours.get(name)!r}"
        for path, seen in self.sources.items():
            if stamp(path) != seen:
                return f"{path} was changed after the helper read it"
        return None

    def child(self, command: Command, parent: int, mask: set[int]) -> object:
        """In the child: become the client's process, then run the command."""
        request = command.accepted
        os.setsid()
        die_with_parent(parent)
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        self.selector.close()
        for end in (*self.owned, *(other.connection for other in self.commands)):
            end.close()
        for target, file in enumerate(command.files):
            os.dup2(file, target)
        for other in self.commands:
            other.close_files()
        sys.stdout.reconfigure(line_buffering=os.isatty(1))
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        os.chdir(request["cwd"])
        os.umask(request["umask"])
        os.environ.clear()
        os.environ.update(request["environment"])
        time.tzset()
        tempfile.tempdir = None
        sys.argv = [request["program"], *request["argv"]]
        sys.path[:] = request["path"]
        importlib.invalidate_caches()
        module, _, function = self.main.partition(":")
        return getattr(importlib.import_module(module), function)(request["argv"])

    def reap(self) -> None:
        """Collect the children that ended and tell their clients how."""
        self.ended.recv(4096)
        running = {command.pid: command for command in self.commands}
        with suppress(ChildProcessError):
            while (found := os.waitpid(-1, os.WNOHANG))[0]:
                pid, status = found
                code = os.waitstatus_to_exitcode(status)
                if pid in running:
                    running[pid].answer(f"exit {code if code >= 0 else 128 - code}")
                    self.leave(running[pid])

    def leave(self, command: Command) -> None:
        """Forget a client."""
        self.selector.unregister(command.connection)
        command.connection.close()
        command.close_files()
        self.commands.discard(command)


def refuse_threads(culprit: str) -> None:
    """Raise if this process has a second thread: a fork would copy its locks and not the thread."""
    tasks = Path("/proc/self/task")
    count = max(threading.active_count(), len(os.listdir(tasks)) if tasks.exists() else 1)
    if count > 1:
        raise RuntimeError(
            f"importing {culprit} started {count - 1} thread(s), and a process with threads cannot be forked "
            "safely: leave it out of preload"
        )


def stamp(path: str) -> tuple[int, int] | None:
    """Time of change and size of a file, None if it is gone."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size


def local_sources() -> dict[str, tuple[int, int] | None]:
    """Stamps of the imported source files that a user may edit: all outside the installed packages."""
    folders = ("stdlib", "platstdlib", "purelib", "platlib")
    installed = tuple(f"{sysconfig.get_path(name)}/" for name in folders)
    files = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
    return {file: stamp(file) for file in files if file and not file.startswith(installed)}


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when its parent ends (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def end_like_interpreter(call: Callable[[], object]) -> None:
    """Call, then end this process with the messages, the clean-up and the status of a Python program."""
    code, interrupted = 1, False
    try:
        code = status_of(call)
    except BaseException as error:
        interrupted = isinstance(error, KeyboardInterrupt)
        trace = error.__traceback__
        while trace.tb_next and trace.tb_frame.f_code.co_filename == __file__:
            trace = trace.tb_next
        sys.excepthook(type(error), error.with_traceback(trace), trace)
    try:
        threading._shutdown()
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        code = code or UNFLUSHED
    finally:
        if interrupted:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGINT)
        os._exit(code & 0xFF)


def status_of(call: Callable[[], object]) -> int:
    """Exit status of a call: what it returns or exits with; 1, and the message, if that is no number."""
    try:
        code = call()
    except SystemExit as request:
        code = request.code
    if isinstance(code, int | None):
        return code or 0
    print(code, file=sys.stderr)
    return 1
