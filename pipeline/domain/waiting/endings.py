"""What each cause of a failed run means, and what a person can do about it: one table, also for the
docs.

A redrive runs only what failed, with the programs of today and the definition of then.
"""

from pipeline.domain.runs.causes import Cause
from pipeline.domain.waiting.remedies import BY_HAND, WAIT, Meaning, Place

C = Cause
_AGAIN = "fanfare redrive {run}"
_LOGS = "fanfare logs {run}"
_PROGRAM = (
    f"{_LOGS}; {BY_HAND}correct the program or its input, then fanfare up, then {_AGAIN}",
    f"{_LOGS}; {BY_HAND}correct the program or its input, then azd up, then {_AGAIN}",
)
ENDINGS: dict[Cause, Meaning] = {
    C.PROGRAM_FAILED: Meaning("a program exited with an error, or was killed", *_PROGRAM),
    C.OUT_OF_MEMORY: Meaning(
        "the kernel killed a program because memory ran out",
        f"fanfare show {{run}}; {BY_HAND}raise `task.memory` in pipelines/{{pipeline}}.yaml, or "
        "choose a larger `size` in pools/{pool}.yaml, and start a new run",
    ),
    C.OUT_OF_DISK: Meaning(
        "a program took the last of its node's disk",
        f"fanfare show {{run}}; {BY_HAND}raise `task.disk` in pipelines/{{pipeline}}.yaml, so that "
        "fewer tasks share a node, or choose a larger `size` in pools/{pool}.yaml, and start a new "
        "run",
    ),
    C.TIMED_OUT: Meaning(
        "a program or a task took longer than its limit",
        f"{_LOGS}; {BY_HAND}raise `limits` in pipelines/{{pipeline}}.yaml and start a new run",
    ),
    C.NODE_LOST: Meaning("nodes went away as often as `retries.node-lost` allows", _AGAIN),
    C.PROGRAM_MISSING: Meaning(
        "the node does not have the program",
        f"{BY_HAND}correct `task` in pipelines/{{pipeline}}.yaml and start a new run",
    ),
    C.IMAGE_MISSING: Meaning(
        "nodes cannot pull the container image",
        f"{BY_HAND}correct the image, in pipelines/{{pipeline}}.yaml or pools/{{pool}}.yaml, "
        "and start a new run",
    ),
    C.GPU_MISSING: Meaning(
        "a task asked for a GPU, and its nodes showed none",
        f"{_LOGS}; {BY_HAND}correct the driver of this machine, then {_AGAIN}",
        f"{_LOGS}; {BY_HAND}correct `size` or `image` in pools/{{pool}}.yaml, then azd up, "
        f"then {_AGAIN}",
    ),
    C.PREPARATION_FAILED: Meaning(
        "nodes cannot install the environment of the program",
        f"{BY_HAND}correct the environment in task_scripts/environments, then fanfare up, "
        f"then {_AGAIN}",
        f"{BY_HAND}correct the environment in task_scripts/environments, then azd up, "
        f"then {_AGAIN}",
    ),
    C.POOL_FAILED: Meaning(
        "the pool did not work for as long as the engine waits for it",
        f"fanfare up; {_AGAIN}",
        f"fanfare doctor; {BY_HAND}do what it says, then {_AGAIN}",
    ),
    C.DOWNLOAD_FAILED: Meaning("the files of a task could not be fetched", _AGAIN),
    C.UPLOAD_FAILED: Meaning("Batch could not upload the files of a task", _AGAIN),
    C.OUTPUT_LOST: Meaning("an output that a receipt names never came", _AGAIN),
    C.OUTPUT_UNUSABLE: Meaning("what a program wrote cannot be used as output", *_PROGRAM),
    C.INPUT_MISSING: Meaning("the input is gone", f"{BY_HAND}upload the input again"),
    C.SECRET_MISSING: Meaning(
        "a secret that a program needs is not in its vault, or cannot be given to a program",
        f"fanfare show {{run}}; {BY_HAND}correct the secret in secrets.local.yaml, then {_AGAIN}",
        f"fanfare show {{run}}; {BY_HAND}correct the secret in its vault, then {_AGAIN}",
    ),
    C.RECEIPT_INVALID: Meaning("the receipts of a task are malformed or contradict it", _AGAIN),
    C.PLAN_FAILED: Meaning(
        "the work cannot be planned",
        f"{BY_HAND}correct what the error names and start a new run",
    ),
    C.SUPERSEDED: Meaning(
        "a newer version of the input came first, and has a run of its own",
        "fanfare ls {pipeline}",
    ),
    C.RUN_TIMED_OUT: Meaning("the run took longer than `limits.run`", _AGAIN),
    C.POISONED: Meaning("a step of the run failed until its retry limit", _AGAIN),
    C.CANCELLED: Meaning("somebody cancelled the run", WAIT),
    C.DEFINITION_UNREADABLE: Meaning(
        "a later release started the run, and this release cannot read its definition",
        f"{BY_HAND}start a new run of its input",
    ),
    C.UNKNOWN: Meaning("a later release noted why the run failed", WAIT),
}


def remedy_of(cause: Cause | None, place: Place) -> str:
    """Return what to do about a run that ended with a cause; "" if there is nothing to do."""
    return ENDINGS[cause].remedy(place) if cause else ""
