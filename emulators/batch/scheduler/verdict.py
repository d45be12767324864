"""Decides what the end of a task's process means: another attempt, or completed, and with which
result."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from emulators.batch.document import Doc

# 0xC000013A as a signed number of 32 bits: Windows' code of a program that was stopped.
_CONTROL_C_EXIT = -1073741510


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a task failed, in the service's categories and codes."""

    code: str
    message: str
    category: str = "usererror"
    details: dict[str, str] = field(default_factory=dict)

    def document(self) -> Doc:
        """Return it as `failureInfo`."""
        shown: Doc = {"category": self.category, "code": self.code, "message": self.message}
        if self.details:
            shown["details"] = [
                {"name": name, "value": value} for name, value in self.details.items()
            ]
        return shown


@dataclass(frozen=True, slots=True)
class Ending:
    """How one attempt of a task ended; `phase` says whether before, in or after its process,
    or that it still waited for a node."""

    exit_code: int | None = None
    failure: Failure | None = None
    phase: str = "process"
    may_retry: bool = False
    container: Doc | None = None

    def outcome(self) -> Doc:
        """Return what it adds to the execution info of any kind of task."""
        shown: Doc = {"result": "failure" if self.failure else "success"}
        if self.exit_code is not None:
            shown["exitCode"] = self.exit_code
        if self.failure is not None:
            shown["failureInfo"] = self.failure.document()
        if self.container is not None:
            shown["containerInfo"] = self.container
        return shown

    @property
    def told(self) -> str:
        """Describe the ending in one line of a log."""
        code = [] if self.exit_code is None else [f"exit code {self.exit_code}"]
        why = [f"{self.failure.code}: {self.failure.message}"] if self.failure else []
        return "; ".join([*code, *why]) or "ended"


@dataclass(frozen=True, slots=True)
class Consequences:
    """The effects of a completed task on its job and on the tasks that wait for it."""

    job_action: str
    satisfies: bool


def process_ended(exit_code: int) -> Ending:
    """Judge the exit code of a process; only a non-zero code allows another attempt."""
    if exit_code == 0:
        return Ending(exit_code=0)
    failure = Failure(
        "FailureExitCode",
        "The task exited with an exit code representing a failure",
        details={"Message": "The task process exited with an unexpected exit code"},
    )
    return Ending(exit_code=exit_code, failure=failure, may_retry=True)


def time_is_up(exit_code: int | None) -> Ending:
    """Return the ending of a task that ran longer than its `maxWallClockTime`.

    The code of a process is the documented one, whatever it was; without a process there is none.
    https://learn.microsoft.com/azure/batch/batch-task-errors
    """
    words = "The task exceeded its maximum wall-clock time and was ended"
    failure = Failure("TaskEnded", words, "servererror")
    return Ending(exit_code=None if exit_code is None else _CONTROL_C_EXIT, failure=failure)


def shall_retry(ending: Ending, retries_so_far: int, allowed: int) -> bool:
    """Tell whether the task gets another attempt; -1 allows any number."""
    return ending.may_retry and (allowed < 0 or retries_so_far < allowed)


def consequences(exit_conditions: Doc | None, ending: Ending) -> Consequences:
    """Apply the exit conditions of a task: the first match wins, then the defaults of the
    service."""
    succeeded = ending.failure is None
    options = next(_matching(exit_conditions or {}, ending), {})
    if ending.phase == "waiting":
        # A task that never ran met no exit condition; the service leaves its job alone.
        return Consequences("none", satisfies=False)
    job_action = str(options.get("jobAction") or ("none" if succeeded else "terminate")).lower()
    dependency = str(
        options.get("dependencyAction") or ("satisfy" if succeeded else "block")
    ).lower()
    return Consequences(job_action, dependency == "satisfy")


def _matching(conditions: Doc, ending: Ending) -> Iterator[Doc]:
    code = ending.exit_code
    if code is not None:
        for mapping in conditions.get("exitCodes") or ():
            if int(mapping["code"]) == code:
                yield mapping["exitOptions"]
        for span in conditions.get("exitCodeRanges") or ():
            if int(span["start"]) <= code <= int(span["end"]):
                yield span["exitOptions"]
    named = {"before": "preProcessingError", "after": "fileUploadError"}.get(ending.phase)
    if named and conditions.get(named):
        yield conditions[named]
    if ending.failure is not None and conditions.get("default"):
        yield conditions["default"]


def ended_by_user(phase: str = "process") -> Ending:
    """Return the ending of a task that a user ended."""
    return Ending(failure=Failure("TaskEnded", "Task Was Ended by User Request"), phase=phase)
