"""Become another program, as another user if asked, and die when the parent dies.

Run by path in a fresh interpreter, so it may import nothing but the standard library. A program of its own
rather than a ``preexec_fn``: nothing runs between fork and exec in a process that has threads.

    python -I -S launch.py DEATH_SIGNAL PARENT_PID USER_ID -- PROGRAM ARGUMENT...

``DEATH_SIGNAL`` 0 means "outlive the parent"; ``USER_ID`` -1 means "stay who you are".
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """Replace this process. Exits with status 1 when the parent is gone already."""
    death_signal, parent, user = (int(text) for text in arguments[:3])
    if user >= 0:
        os.setgroups([])
        os.setgid(user)
        os.setuid(user)
    if death_signal:  # After setuid, which would clear it again.
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
        if os.getppid() != parent:
            sys.exit("the parent ended before this program could start")
    program = arguments[4:]
    os.execv(program[0], program)  # noqa: S606


if __name__ == "__main__":
    main(sys.argv[1:])
