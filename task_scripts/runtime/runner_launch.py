"""Starts a program as `subprocess` would, whose modules take longer to load than all of this."""

import contextlib
import os
import signal
from collections.abc import Mapping, Sequence
from typing import NoReturn

_FIRST = 3  # the first descriptor that is no standard stream
_WORDS = 200
# Python ignores them, and programs expect to be ended by them.
_RESTORED = (signal.SIGPIPE, signal.SIGXFSZ)


def launch(argv: Sequence[str], cwd: str, environ: Mapping[str, str], output: int) -> int:
    """Start a program in a session of its own, without input; return its process id.

    Its PATH is that of `environ`. Raises OSError if it cannot be started, and ValueError for
    arguments or variables that no program can get.
    """
    report, report_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        _become(argv, cwd, environ, output, report_end)
    os.close(report_end)
    said = os.read(report, _WORDS)  # nothing, as soon as the program has started
    os.close(report)
    if not said:
        return pid
    os.waitpid(pid, 0)
    number, _, words = said.decode(errors="replace").partition(" ")
    raise OSError(int(number), os.strerror(int(number))) if number else ValueError(words)


def _become(
    argv: Sequence[str], cwd: str, environ: Mapping[str, str], output: int, report: int
) -> NoReturn:
    """Become the program, or report why not: an error number, or a space and words."""
    try:
        os.setsid()
        for number in _RESTORED:
            signal.signal(number, signal.SIG_DFL)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for source, target in ((nothing, 0), (output, 1), (output, 2)):
            os.dup2(source, target)
        _close_all_but(report)
        os.chdir(cwd)
        os.execvpe(argv[0], [*argv], environ)  # noqa: S606 - there is no shell
    except OSError as error:
        os.write(report, f"{error.errno} ".encode())
    except ValueError as error:
        os.write(report, f" {error}"[:_WORDS].encode(errors="replace"))
    finally:
        os._exit(127)


def _close_all_but(kept: int) -> None:
    """Close what the node's agent may have left open; what Python opened closes by itself."""
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 - numbers are all that is wanted
        if (fd := int(name)) >= _FIRST and fd != kept:
            with contextlib.suppress(OSError):  # the listing's own is closed already
                os.close(fd)
