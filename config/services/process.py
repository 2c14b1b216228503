"""Start, recognise and stop processes by id, without ever signalling a stranger.

A process id alone proves nothing: it is recycled, above all after a reboot. So whoever keeps an id keeps a
proof with it: either an argument that only our own process has on its command line (its data directory), or
its birth, which is the boot it belongs to and the clock tick it began at. Both are readable in /proc even
where a container's root may not trace other users' processes.
"""

import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

LAUNCHER = str(Path(__file__).with_name("launch.py"))
STDERR = 2


class ServiceError(Exception):
    """The embedded services failed; the message says what happened, what was kept and what to do."""


def spawn(
    argv: Sequence[str],
    *,
    log: Path,
    environ: dict[str, str] | None = None,
    die_with_parent: signal.Signals | None = None,
    user: int | None = None,
) -> int:
    """Start a program in a session of its own with its output appended to ``log``; return its process id.

    With ``die_with_parent`` the kernel sends that signal when the *thread* that called this ends, however
    it ends.
    """
    launcher = [sys.executable, "-I", "-S", LAUNCHER]
    orders = [str(int(die_with_parent or 0)), str(os.getpid()), str(-1 if user is None else user)]
    log.parent.mkdir(parents=True, exist_ok=True)
    output = (os.POSIX_SPAWN_OPEN, 1, str(log), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    return os.posix_spawn(
        sys.executable,
        [*launcher, *orders, "--", *argv],
        dict(os.environ) if environ is None else environ,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            output,
            (os.POSIX_SPAWN_DUP2, 1, STDERR),
        ],
        setsid=True,
        setsigmask=[],
        setsigdef=[signal.SIGPIPE, signal.SIGINT, signal.SIGTERM, signal.SIGHUP],
    )


def reap(pid: int) -> int | None:
    """Collect an ended child; return its exit status (negative: the signal) or None when there is none."""
    try:
        ended, status = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return None
    return os.waitstatus_to_exitcode(status) if ended else None


def collect(pid: int, seconds: float) -> None:
    """Wait until an ending child is gone, and collect it: its ports are free only then, later than its command line."""

    def gone() -> bool:
        try:
            return os.waitpid(pid, os.WNOHANG)[0] != 0
        except ChildProcessError:
            return True

    wait_until(gone, seconds)


def command_line(pid: int) -> list[str]:
    """Return the arguments of a living process; empty for a zombie, a kernel thread or nobody at all."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]
    except OSError:
        return []


def is_ours(pid: int, proof: str) -> bool:
    """Tell whether this id still is the process that was started with ``proof`` as one of its arguments."""
    return proof in command_line(pid)


def find(programs: Sequence[str], proof: str) -> int | None:
    """Return the process that runs one of ``programs`` with ``proof`` as an argument, whoever started it."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            arguments = command_line(int(entry.name))
            if proof in arguments and Path(arguments[0]).name in programs:
                return int(entry.name)
    return None


def _stat(pid: int) -> list[str]:
    # The second field is the program's name in brackets and may hold anything, so count from the last
    # bracket.
    try:
        return (
            Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        )
    except OSError:
        return []


def birth(pid: int) -> str | None:
    """Return ``pid:boot:tick``, which no other process ever shares, or None when the process is not alive."""
    fields = _stat(pid)
    if not fields or fields[0] == "Z":
        return None
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()
    return f"{pid}:{boot}:{fields[19]}"


def still_lives(certificate: str) -> bool:
    """Tell whether the process with this birth is still alive."""
    return birth(int(certificate.partition(":")[0])) == certificate


def descendants(pid: int) -> list[int]:
    """Return the living children, grandchildren … of a process, sorted."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        fields = _stat(int(entry.name)) if entry.name.isdigit() else []
        if fields and fields[0] != "Z":
            parents.setdefault(int(fields[1]), []).append(int(entry.name))
    found: list[int] = []
    waiting = [pid]
    while waiting:
        children = parents.get(waiting.pop(), [])
        found += children
        waiting += children
    return sorted(found)


def group(leader: int) -> list[int]:
    """Return the living members of a process group, the leader among them while it lives."""
    members = []
    for entry in Path("/proc").iterdir():
        fields = _stat(int(entry.name)) if entry.name.isdigit() else []
        if fields and fields[0] != "Z" and int(fields[2]) == leader:
            members.append(int(entry.name))
    return members


def wait_until(true: Callable[[], bool], seconds: float) -> bool:
    """Poll until the condition holds; False when it never did within ``seconds``."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def stop(pid: int, proof: str, steps: Sequence[tuple[signal.Signals, float]]) -> None:
    """Ask ever more firmly: a step is a signal and the seconds to wait. Strangers are left alone."""

    born = birth(pid) if is_ours(pid, proof) else None

    def gone() -> bool:
        # An ending process loses its command line before it is dead, so from here on its birth is the proof.
        dead = born is None or birth(pid) != born
        reap(pid)
        return dead

    for number, patience in steps:
        if gone():
            return
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return
        except PermissionError as error:
            raise ServiceError(
                f"Process {pid} belongs to another user and was left running: {error}."
            ) from error
        if wait_until(gone, patience):
            collect(pid, patience)
            return
    raise ServiceError(
        f"Process {pid} does not end, not even killed. Nothing was deleted; look at it by hand."
    )


def reserve_port(preferred: int = 0) -> socket.socket:
    """Return a bound socket whose port nobody else is handed while it stays open.

    It does not listen, and with SO_REUSEADDR the server itself may bind beside it. Close it once the server
    listens.
    """
    for port in (preferred, 0) if preferred else (0,):
        reservation = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            reservation.bind(("127.0.0.1", port))
        except OSError:
            reservation.close()
            continue
        return reservation
    raise ServiceError("No free TCP port on 127.0.0.1 could be had; is the loopback interface up?")


def tail(log: Path, lines: int = 8) -> str:
    """Return the last lines of a log file, indented for an error message."""
    try:
        text = log.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return "".join(f"\n    {line}" for line in text.splitlines()[-lines:])
