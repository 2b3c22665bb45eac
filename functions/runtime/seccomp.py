"""System calls that no function needs and a breakout would: refused by the kernel (seccomp)."""

import ctypes
import errno
import os
from dataclasses import dataclass
from typing import Final

_PR_SET_SECCOMP: Final = 22
_MODE_FILTER: Final = 2
_ALLOW: Final = 0x7FFF0000
_ERRNO: Final = 0x00050000
_MASKED_EQUAL: Final = 7
_INSTRUCTION_BYTES: Final = 8

REFUSED: Final = (
    # File systems and namespaces.
    "mount", "umount", "umount2", "pivot_root", "chroot", "unshare", "setns", "fsopen", "fsconfig",
    "fsmount", "fspick", "move_mount", "open_tree", "mount_setattr", "mknod", "mknodat",
    "open_by_handle_at", "name_to_handle_at", "quotactl", "quotactl_fd", "swapon", "swapoff",
    # Other processes.
    "ptrace", "process_vm_readv", "process_vm_writev", "kcmp", "pidfd_getfd", "process_madvise",
    # The kernel itself.
    "bpf", "perf_event_open", "userfaultfd", "io_uring_setup", "io_uring_enter",
    "io_uring_register", "init_module", "finit_module", "delete_module", "create_module",
    "kexec_load", "kexec_file_load", "reboot", "syslog", "acct", "lookup_dcookie", "nfsservctl",
    "modify_ldt", "iopl", "ioperm", "vm86", "vm86old", "uselib", "ustat", "sysfs", "_sysctl",
    # Keys, clock and names of the machine.
    "keyctl", "add_key", "request_key", "settimeofday", "clock_settime", "clock_adjtime",
    "adjtimex", "sethostname", "setdomainname", "vhangup", "fanotify_init",
)  # fmt: skip
"""Answered with EPERM. A list of what is refused: whatever the interpreter and its libraries need
stays open, on any version of them."""
_NAMESPACES: Final = (
    0x00000080,  # time
    0x00020000,  # mount
    0x02000000,  # cgroup
    0x04000000,  # uts
    0x08000000,  # ipc
    0x10000000,  # user
    0x20000000,  # pid
    0x40000000,  # net
)


class SeccompUnavailable(Exception):
    """This machine has no libseccomp, or its kernel no filters."""


class _Comparison(ctypes.Structure):
    _fields_ = (
        ("arg", ctypes.c_uint),
        ("op", ctypes.c_int),
        ("datum_a", ctypes.c_uint64),
        ("datum_b", ctypes.c_uint64),
    )


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p))


@dataclass(frozen=True, slots=True)
class SyscallFilter:
    """A compiled filter; made once, then applied in each worker."""

    instructions: bytes

    def apply(self) -> None:
        """Bind this process and whatever it starts for good; it must have no-new-privs set.

        Raises:
            SeccompUnavailable: the kernel refuses filters.
        """
        libc = ctypes.CDLL(None, use_errno=True)
        held = ctypes.create_string_buffer(self.instructions, len(self.instructions))
        program = _Program(len(self.instructions) // _INSTRUCTION_BYTES, ctypes.addressof(held))
        done = libc.prctl(
            ctypes.c_int(_PR_SET_SECCOMP),
            ctypes.c_ulong(_MODE_FILTER),
            ctypes.byref(program),
            ctypes.c_ulong(0),
            ctypes.c_ulong(0),
        )
        if done != 0:
            raise SeccompUnavailable(os.strerror(ctypes.get_errno()))


def compile_filter() -> SyscallFilter:
    """Compile the filter with the system's libseccomp (2.2 or later).

    Raises:
        SeccompUnavailable: there is none, or it refuses.
    """
    try:
        library = ctypes.CDLL("libseccomp.so.2")
    except OSError as error:
        raise SeccompUnavailable(f"no libseccomp: {error}") from error
    library.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(library.seccomp_init(ctypes.c_uint32(_ALLOW)))
    if not context:
        raise SeccompUnavailable("libseccomp makes no filter")
    try:
        for name in REFUSED:
            _refuse(library, context, name, errno.EPERM)
        for flag in _NAMESPACES:
            _refuse(library, context, "clone", errno.EPERM, bits=flag)
        # Its flags lie in memory, where a filter cannot look; libc falls back to clone.
        _refuse(library, context, "clone3", errno.ENOSYS)
        return SyscallFilter(_exported(library, context))
    finally:
        library.seccomp_release(context)


def _refuse(
    library: ctypes.CDLL, context: ctypes.c_void_p, name: str, code: int, *, bits: int = 0
) -> None:
    number = library.seccomp_syscall_resolve_name(name.encode())
    if number < 0:
        # Unknown to this library, or no call of this architecture.
        return
    comparisons = (_Comparison * 1)(_Comparison(0, _MASKED_EQUAL, bits, bits))
    done = library.seccomp_rule_add_array(
        context,
        ctypes.c_uint32(_ERRNO | code),
        ctypes.c_int(number),
        ctypes.c_uint(1 if bits else 0),
        comparisons if bits else None,
    )
    if done != 0:
        raise SeccompUnavailable(f"libseccomp refuses the rule for {name}: {-done}")


def _exported(library: ctypes.CDLL, context: ctypes.c_void_p) -> bytes:
    descriptor = os.memfd_create("seccomp")
    try:
        if library.seccomp_export_bpf(context, ctypes.c_int(descriptor)) != 0:
            raise SeccompUnavailable("libseccomp does not export its filter")
        os.lseek(descriptor, 0, os.SEEK_SET)
        return os.read(descriptor, 1 << 20)
    finally:
        os.close(descriptor)
