"""The exit codes of commands, on which scripts can rely, and the error that carries one."""

from enum import IntEnum

from pipeline.errors import Permanent


class Exit(IntEnum):
    """The exit codes, with the same meaning for every command."""

    OK = 0
    FAILED = 1  # the run failed, the requested thing does not exist, or runs or files differ
    USAGE = 2  # wrong use; of `fanfare diff` any trouble, so that there 1 means a difference
    UNREACHABLE = 3
    TIMED_OUT = 4


class CommandError(Permanent):
    """The command cannot do its work; the message says why and what to do next."""

    def __init__(self, message: str, code: Exit = Exit.FAILED) -> None:
        super().__init__(message)
        self.code = code
