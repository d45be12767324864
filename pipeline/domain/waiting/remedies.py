"""What each obstacle means, and what a person can do about it: one table, also for the docs.

A remedy is commands where they exist, separated by semicolons as a shell wants them, with the names
of the run and its deployment filled in. What a person has to do comes last and is marked so.
"""

from dataclasses import dataclass

from pipeline.domain.runs.obstacles import Obstacle, ObstacleCode

WAIT = "wait: it passes by itself"
BY_HAND = "by hand: "
BETWEEN = "; "  # two commands
# A deployment makes pools with GPUs only if it is told to.
PROVISION = "azd provision"
PROVISION_GPUS = f"azd env set FANFARE_GPU_POOLS true{BETWEEN}{PROVISION}"
C = ObstacleCode


@dataclass(frozen=True)
class Place:
    """The names that remedies mention, and whether the run lives on this machine.

    `provision` is what makes the run's pool in Azure.
    """

    local: bool
    run: str
    pipeline: str
    pool: str
    pool_id: str
    job: str
    provision: str = "azd provision"


@dataclass(frozen=True)
class Meaning:
    """What a code means, and its remedy: on this machine, and in Azure where that differs."""

    text: str
    local: str
    azure: str = ""

    def remedy(self, place: Place) -> str:
        """Return what to do, or "" if one can only wait."""
        chosen = self.local if place.local or not self.azure else self.azure
        return "" if chosen == WAIT else chosen.format(**vars(place))


_UP_OR_DOCTOR = ("fanfare up", "fanfare doctor")  # on this machine, `up` mends the stack
_STEP = "a step of the run waits in its queue, or is working"
MEANINGS: dict[ObstacleCode, Meaning] = {
    C.CONCURRENCY_LIMIT: Meaning(
        "the pipeline has as many active runs as `max_concurrent_runs` allows",
        "fanfare ls {pipeline} --active",
    ),
    C.PAUSED: Meaning(
        "somebody paused the pipeline, so its new runs wait", "fanfare resume {pipeline}"
    ),
    C.JOB_QUOTA: Meaning(
        "the Batch account has as many active jobs as its quota allows",
        "fanfare ls --active",
        "fanfare doctor",
    ),
    C.STEP_QUEUED: Meaning(_STEP, WAIT),
    C.STEP_FAILING: Meaning(
        "a step fails with an error that may pass; its message is redelivered", "fanfare doctor"
    ),
    C.DEFINITION_UNREADABLE: Meaning(
        "a later release started the run, and this release cannot read its definition",
        "fanfare cancel {run}",
    ),
    C.POOL_MISSING: Meaning("the pool is not in the Batch account", "fanfare up", "{provision}"),
    C.POOL_REPLACED: Meaning(
        "the pool on which the run began was deleted, and its definition makes another one by now",
        "fanfare cancel {run}; fanfare redrive {run}",
    ),
    C.POOL_RESIZING: Meaning("the pool is getting or losing nodes", WAIT),
    C.POOL_NOT_SCALED: Meaning(
        "the pool has no node, and Batch has not evaluated its formula yet; while a run waits, the "
        "engine gives the pool its formula again",
        WAIT,
    ),
    C.CORE_QUOTA: Meaning(
        "the core quota of the Batch account is too small for the nodes that the pool wants",
        f"{BY_HAND}lower `nodes.maximum` in pools/{{pool}}.yaml, then fanfare up",
        "fanfare doctor",
    ),
    C.NO_CAPACITY: Meaning(
        "Azure has no free machines of the pool's size now",
        f"{BY_HAND}wait, or choose another `size` in pools/{{pool}}.yaml",
    ),
    C.RESIZE_FAILED: Meaning(
        "the pool could not be resized, for a reason other than quota or capacity",
        "fanfare doctor",
    ),
    C.AUTOSCALE_FAILED: Meaning("Batch cannot evaluate the pool's formula", *_UP_OR_DOCTOR),
    C.NODES_STARTING: Meaning("the pool's nodes are starting", WAIT),
    C.NODES_UNUSABLE: Meaning("no node of the pool can take tasks", *_UP_OR_DOCTOR),
    C.NODES_PREEMPTED: Meaning("Azure took the pool's spot nodes away", WAIT),
    C.START_TASK_FAILING: Meaning("the start task fails on the pool's nodes", *_UP_OR_DOCTOR),
    C.IMAGE_FAILING: Meaning(
        "nodes cannot pull a container image of the pool",
        f"{BY_HAND}correct `containers.images` in pools/{{pool}}.yaml, then fanfare up",
        f"{BY_HAND}correct `containers.images` in pools/{{pool}}.yaml, then azd provision",
    ),
    C.PREPARATION_RUNNING: Meaning("the nodes are installing the environment of the program", WAIT),
    C.PREPARATION_FAILING: Meaning(
        "the nodes cannot install the environment of the program",
        "fanfare cancel {run}",
    ),
    C.JOB_DISABLED: Meaning(
        "somebody disabled the run's job in Batch",
        "fanfare cancel {run}; fanfare redrive {run}",
    ),
    C.JOB_OVER: Meaning(
        "the run's job is over or gone; the sweep starts another execution of what is missing",
        WAIT,
    ),
    C.TASKS_QUEUED: Meaning("tasks wait for a node that can take them", WAIT),
    C.TASKS_BEHIND_OTHERS: Meaning(
        "tasks of other runs keep the pool's nodes busy", "fanfare ls --active"
    ),
    C.TASKS_RUNNING: Meaning("tasks are running", WAIT),
    C.RECEIPTS_ON_THEIR_WAY: Meaning(
        "all tasks are over, but some of their receipts are not counted yet", WAIT
    ),
    C.OUTPUTS_NOT_UPLOADED: Meaning("an output that a receipt names is not in Storage yet", WAIT),
    C.ASSEMBLING: Meaning("the output is being assembled", WAIT),
    C.COMMITTING: Meaning("the output is being written to its final place", WAIT),
    C.CANCELLING: Meaning("the run is being cancelled, and its jobs are being ended", WAIT),
    C.BATCH_NOT_ANSWERING: Meaning(
        "Azure Batch does not answer, or refuses the call", *_UP_OR_DOCTOR
    ),
    C.STORAGE_NOT_ANSWERING: Meaning(
        "Storage does not answer, or refuses the call", *_UP_OR_DOCTOR
    ),
    C.VAULT_NOT_ANSWERING: Meaning(
        "a key vault does not answer, or refuses to give a secret to the app",
        "fanfare show {run}",
        f"fanfare show {{run}}; {BY_HAND}give the app's identity the role Key Vault Secrets User "
        "on the vault, or open the vault's firewall for the app",
    ),
    C.UNKNOWN: Meaning("a later release noted what the run waits for", WAIT),
}


def obstacle(code: ObstacleCode, evidence: str, place: Place) -> Obstacle:
    """Make an obstacle with its remedy."""
    return Obstacle(code=code, evidence=evidence, remedy=MEANINGS[code].remedy(place))
