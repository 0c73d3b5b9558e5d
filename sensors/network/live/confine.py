"""What may the capture process still do once its sockets are open?

Read, write and name files in its own folder, and use the sockets it has: nothing else. It becomes another
user, gives up every capability for good (also that of gaining one by running a program), and the kernel
refuses every system call that is not on a short list (seccomp), so that whoever takes it over by a
packet can neither start a program, nor open a socket, nor look into another process.
"""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import struct
from dataclasses import dataclass

from sensors.network.live.bpf import JEQ, LD_W, RET, Instruction

_CAPBSET_DROP, _SET_DUMPABLE, _SET_SECCOMP, _NO_NEW_PRIVS, _CAP_AMBIENT = 24, 4, 22, 38, 47
_CLEAR_AMBIENT = 4
_CAPABILITY_V3 = 0x20080522
_LAST_CAPABILITY = 63
_SECCOMP_FILTER = 2
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050001  # refused with EPERM
_NUMBER, _ARCHITECTURE = 0, 4
"""Where they stand in `struct seccomp_data`."""

_AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_CALLS = {
    # name: x86_64, aarch64 (asm/unistd_64.h, asm-generic/unistd.h); -1: not there
    "read": (0, 63), "write": (1, 64), "close": (3, 57), "fstat": (5, 80), "newfstatat": (262, 79),
    "lseek": (8, 62), "mmap": (9, 222), "mprotect": (10, 226), "munmap": (11, 215), "brk": (12, 214),
    "rt_sigaction": (13, 134), "rt_sigprocmask": (14, 135), "rt_sigreturn": (15, 139), "ioctl": (16, 29),
    "writev": (20, 66), "mremap": (25, 216), "madvise": (28, 233), "getpid": (39, 172), "bind": (49, 200),
    "setsockopt": (54, 208), "getsockopt": (55, 209), "exit": (60, 93), "fcntl": (72, 25),
    "fdatasync": (75, 83), "ftruncate": (77, 46), "getdents64": (217, 61), "futex": (202, 98),
    "clock_gettime": (228, 113), "exit_group": (231, 94), "openat": (257, 56), "unlinkat": (263, 35),
    "renameat": (264, 38), "renameat2": (316, 276), "getrandom": (318, 278), "poll": (7, -1),
    "ppoll": (271, 73), "sigaltstack": (131, 132), "restart_syscall": (219, 128), "statx": (332, 291),
    "clock_nanosleep": (230, 115),
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Confined:
    """What was given up."""

    user: int
    seccomp: bool
    """False where the machine's kind is not known here, or its kernel has no seccomp."""


class CannotConfine(Exception):  # noqa: N818 - the name of a state
    """A right could not be given up: better to end than to go on with it."""


def confine(user: int, group: int) -> Confined:
    """Give up everything, for good.

    Raises:
        CannotConfine: a right is still there.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
    for number in range(_LAST_CAPABILITY + 1):
        libc.prctl(_CAPBSET_DROP, number, 0, 0, 0)  # refused for numbers that the kernel does not know
    libc.prctl(_CAP_AMBIENT, _CLEAR_AMBIENT, 0, 0, 0)
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(group, group, group)
        os.setresuid(user, user, user)
    header, nothing = struct.pack("=Ii", _CAPABILITY_V3, 0), bytes(24)
    _sure(libc.capset(header, nothing), "capset")
    _sure(libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")
    libc.prctl(_SET_DUMPABLE, 0, 0, 0, 0)
    return Confined(user=os.getuid(), seccomp=_refuse_calls(libc))


def _sure(answer: int, what: str) -> None:
    if answer:
        raise CannotConfine(f"{what}: {os.strerror(ctypes.get_errno())}")


def _refuse_calls(libc: ctypes.CDLL) -> bool:
    machine = platform.machine()
    if machine not in _AUDIT:
        return False
    program = allow_list(machine)
    raw = b"".join(struct.pack("=HBBI", *line) for line in program)
    held = ctypes.create_string_buffer(raw)
    described = struct.pack("HP", len(program), ctypes.addressof(held))
    return libc.prctl(_SET_SECCOMP, _SECCOMP_FILTER, described, 0, 0) == 0


def allow_list(machine: str) -> list[Instruction]:
    """The kernel's filter of system calls: these, on this kind of machine, and no others.

    >>> len(allow_list("x86_64")) - len(allow_list("aarch64"))
    1
    """
    column = list(_AUDIT).index(machine)
    calls = sorted(numbers[column] for numbers in _CALLS.values() if numbers[column] >= 0)
    program: list[Instruction] = [
        (LD_W, 0, 0, _ARCHITECTURE),
        (JEQ, 1, 0, _AUDIT[machine]),
        (RET, 0, 0, _REFUSE),
        (LD_W, 0, 0, _NUMBER),
    ]
    program += [(JEQ, len(calls) - place, 0, call) for place, call in enumerate(calls)]
    return [*program, (RET, 0, 0, _REFUSE), (RET, 0, 0, _ALLOW)]
