"""What is worth recording of a file that is being loaded, in words, and which of it proves that the file acts.

Two tables: audit events of the interpreter, which know arguments and can be silenced by code that the file already
runs, and system calls, which the kernel reports to the parent and nothing inside can silence. An *act* reaches beyond
the object that a loader is supposed to build; a *note* is something that honest files also do.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Event:
    words: str
    act: bool = True
    refuse: bool = True  # by an exception, before the kernel is asked


_RUN = Event("ran a command")
_NET = Event("reached for the network")
_NATIVE = Event("reached into memory by ctypes")

# Files that are opened, made, removed or renamed are not here: the kernel tells of those.
AUDIT: dict[str, Event] = {
    "os.system": _RUN,
    "subprocess.Popen": _RUN,
    "os.exec": _RUN,
    "os.spawn": _RUN,
    "os.posix_spawn": _RUN,
    "os.startfile": _RUN,
    "pty.spawn": _RUN,
    "os.fork": Event("started a process"),
    "os.forkpty": Event("started a process"),
    "exec": Event("ran code of its own", refuse=False),
    "cpython.run_command": Event("ran code of its own"),
    "cpython.run_file": Event("ran code of its own"),
    "cpython.run_module": Event("ran code of its own"),
    "cpython.run_interactivehook": Event("ran code of its own"),
    "cpython.remote_debugger_script": Event("ran code of its own"),
    "socket.__new__": Event("made a socket", refuse=False),
    "socket.connect": _NET,
    "socket.bind": _NET,
    "socket.sendto": _NET,
    "socket.sendmsg": _NET,
    "socket.getaddrinfo": _NET,
    "socket.gethostbyname": _NET,
    "socket.gethostbyaddr": _NET,
    "socket.getnameinfo": _NET,
    "urllib.Request": Event("reached for the network", refuse=False),
    "ftplib.connect": _NET,
    "http.client.connect": _NET,
    "imaplib.open": _NET,
    "nntplib.connect": _NET,
    "poplib.connect": _NET,
    "smtplib.connect": _NET,
    "telnetlib.Telnet.open": _NET,
    "webbrowser.open": _NET,
    "sqlite3.connect": Event("opened a database"),
    "sqlite3.load_extension": Event("loaded native code"),
    "ctypes.dlopen": Event("loaded native code"),
    "ctypes.dlsym": Event("reached for a native function"),
    "ctypes.dlsym/handle": Event("reached for a native function"),
    "ctypes.call_function": Event("called native code"),
    "ctypes.PyObj_FromPtr": _NATIVE,
    "ctypes.cdata": Event("reached into memory by ctypes", act=False, refuse=False),
    "ctypes.cdata/buffer": Event("reached into memory by ctypes", act=False, refuse=False),
    "ctypes.string_at": Event("read memory by ctypes", act=False, refuse=False),
    "os.kill": Event("sent a signal"),
    "os.killpg": Event("sent a signal"),
    "signal.pthread_kill": Event("sent a signal"),
    "signal.raise_signal": Event("sent a signal"),
    "sys.addaudithook": Event("tried to add an audit hook"),
    "sys.settrace": Event("watched the program that loads it"),
    "sys.setprofile": Event("watched the program that loads it"),
    "sys._current_frames": Event("looked into the program that loads it", refuse=False),
    "gc.get_objects": Event("looked into the program that loads it", refuse=False),
    "gc.get_referrers": Event("looked into the program that loads it", refuse=False),
    "gc.get_referents": Event("looked into the program that loads it", act=False, refuse=False),
    "builtins.input": Event("asked for input"),
    "builtins.breakpoint": Event("opened a debugger"),
    "syslog.openlog": Event("wrote to the system's log"),
    "os.chdir": Event("changed the working folder", act=False, refuse=False),
    "os.putenv": Event("changed the environment", act=False, refuse=False),
    "os.unsetenv": Event("changed the environment", act=False, refuse=False),
    "glob.glob": Event("searched for files", act=False, refuse=False),
    "pickle.find_class": Event("named", act=False, refuse=False),
    "code.__new__": Event("brought code of its own", act=False, refuse=False),
    "marshal.loads": Event("brought code of its own", act=False, refuse=False),
    "import": Event("imported", act=False, refuse=False),
    "shutil.rmtree": Event("removed a folder", refuse=False),
    "shutil.unpack_archive": Event("unpacked an archive", refuse=False),
}

_FORK = Event("started a process")
_SOCKET = Event("reached for the network")
_OTHERS = Event("reached for another process")
_ESCAPE = Event("tried to change its own rights or place")

_SIGNAL = Event("sent a signal")
_GROUPS = (
    (Event("started a program"), "execve execveat"),
    (_FORK, "clone fork vfork"),
    (_SOCKET, "socket connect bind listen accept accept4 sendto sendmmsg"),
    (_OTHERS, "ptrace process_vm_readv process_vm_writev pidfd_getfd process_madvise kcmp"),
    (_SIGNAL, "kill tgkill tkill rt_sigqueueinfo rt_tgsigqueueinfo pidfd_send_signal"),
    (Event("removed"), "unlink unlinkat rmdir"),
    (Event("renamed"), "rename renameat renameat2"),
    (Event("made a folder"), "mkdir mkdirat"),
    (Event("made a link"), "link linkat symlink symlinkat"),
    (Event("cut short"), "truncate"),
    (Event("opened for writing"), "open openat creat"),
    (Event("changed rights of"), "chmod fchmodat chown lchown fchownat setxattr lsetxattr"),
    (Event("made a device or pipe"), "mknod mknodat"),
    (
        _ESCAPE,
        "setuid setgid setresuid setresgid capset unshare setns chroot pivot_root mount umount2 open_by_handle_at",
    ),
    (_ESCAPE, "bpf kexec_load init_module finit_module delete_module keyctl add_key request_key userfaultfd reboot"),
    (_ESCAPE, "swapon sethostname settimeofday iopl ioperm"),
)
# Of calls that are not here the refusal is a note: C libraries try things.
CALLS: dict[str, Event] = {call: event for event, calls in _GROUPS for call in calls.split()}
READ = Event("reached for a file that is not its own")
