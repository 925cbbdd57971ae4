"""The process between the grader and a learner's kernel: limits first, then bubblewrap where there is one.

Run by path, before anything is imported: ``python -I -S launch.py PLAN CONNECTION_FILE``. It waits for the kernel, so
that the parent that a learner's code can see and kill is this process and not the grader.
"""

import ctypes
import json
import os
import signal
import subprocess
import sys

FOLDER_BYTES = 256 << 20  # the largest file, and all that the sandbox's home holds
FILES, PROCESSES = 512, 256
PR_SET_PDEATHSIG = 1
WINDOWS = ("SYSTEMROOT", "PATH", "TEMP", "TMP", "USERPROFILE")  # without these, no Python starts there
HOME = "/home/learner"
ASK_EXIT = (
    "--IPKernelApp.exec_lines=_i = get_ipython(); _i.ask_exit = lambda *a: None; del _i"  # quit() ends no grading
)


def die_with_parent(parent: int, by: int = 9) -> None:
    """Ask Linux to send this process a signal, SIGKILL unless told otherwise, when its parent ends.

    A parent that has ended before the asking sends none: then this process ends itself.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, by)
        if os.getppid() != parent:
            os._exit(1)


def threads_of_user() -> int:
    """Count the threads that this user runs, a browser's too: Linux holds them all together to one limit."""
    count = 0
    for process in os.listdir("/proc"):
        try:
            if process.isdigit() and os.stat(f"/proc/{process}").st_uid == os.getuid():
                count += len(os.listdir(f"/proc/{process}/task"))
        except OSError:  # it has ended
            continue
    return count


def limit(memory: int, seconds: int) -> None:
    """Hold this process, and what it starts, to so many bytes of address space and seconds of computing."""
    try:
        import resource
    except ImportError:  # Windows
        return
    wanted = {
        "RLIMIT_AS": memory,
        "RLIMIT_CPU": seconds,
        "RLIMIT_FSIZE": FOLDER_BYTES,
        "RLIMIT_NOFILE": FILES,
        "RLIMIT_CORE": 0,
    }
    if sys.platform == "linux":
        wanted["RLIMIT_NPROC"] = threads_of_user() + PROCESSES
    for name, value in wanted.items():
        try:
            resource.setrlimit(getattr(resource, name), (value, value))
        except (AttributeError, ValueError, OSError):
            continue  # macOS has no RLIMIT_AS to speak of; a lower hard limit stays as it is


def sandbox(plan: dict) -> list[str]:
    """Return bubblewrap's command: no network, a read-only system, and a home that vanishes."""
    system = (
        "/usr",
        "/lib",
        "/lib32",
        "/lib64",
        "/bin",
        "/sbin",
        "/etc/ld.so.cache",
        "/etc/alternatives",
        "/etc/fonts",
    )
    command = ["bwrap", "--die-with-parent", "--unshare-all", "--cap-drop", "ALL", "--hostname", "course"]
    command += ["--proc", "/proc", "--dev", "/dev"]
    for folder in ("/tmp", HOME):
        command += ["--size", str(FOLDER_BYTES), "--tmpfs", folder]
    for path in (*system, *plan["readable"]):  # after /tmp, since the course itself may lie in there
        command += ["--ro-bind-try", path, path]
    return [*command, "--bind", plan["sockets"], plan["sockets"], "--chdir", HOME]


def environment(plan: dict) -> dict[str, str]:
    """Return all that a kernel may know of its surroundings."""
    home = HOME if plan["sandbox"] else plan["home"]
    system = {name: os.environ[name] for name in WINDOWS if name in os.environ} if os.name == "nt" else {}
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return threads | {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": home,
        "LANG": "C.UTF-8",
        "MPLBACKEND": "agg",
        "MPLCONFIGDIR": plan["sockets"] + "/matplotlib",
        "IPYTHONDIR": home + "/.ipython",
        "JUPYTER_RUNTIME_DIR": plan["sockets"],
        "OMP_WAIT_POLICY": "PASSIVE",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
        "PYTHONPATH": plan["pythonpath"],
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
        **system,
    }


def main() -> int:
    """Start the kernel, wait for its end, hand on how it ended."""
    plan, connection = json.loads(sys.argv[1]), sys.argv[2]
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    die_with_parent(plan["parent"])
    launcher = os.getpid()

    def prepare() -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        die_with_parent(launcher)
        limit(plan["memory"], plan["seconds"])

    kernel = [plan["python"], "-m", "ipykernel_launcher", "-f", connection, ASK_EXIT]
    command = sandbox(plan) + kernel if plan["sandbox"] else kernel
    started = subprocess.Popen(
        command,
        env=environment(plan),
        cwd=plan["home"],
        preexec_fn=prepare if os.name == "posix" else None,
    )
    return started.wait()


if __name__ == "__main__":
    sys.exit(main() & 0xFF)
