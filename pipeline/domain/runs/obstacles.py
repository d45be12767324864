"""Obstacles, the reasons why a run waits: one list of codes.

Everything that says why a run waits uses it: `show`, `ls`, HTTP, the sweep's log, the doctor, and
the event of a run that its time limit ended. `domain/waiting` chooses the code;
docs/obstacles.md lists all codes for people.
"""

from datetime import datetime

from pipeline.domain.runs.stored import Stored, Word


class ObstacleCode(Word):
    """What a run waits for: stable words that programs may rely on."""

    CONCURRENCY_LIMIT = "concurrency-limit"
    PAUSED = "paused"
    JOB_QUOTA = "job-quota"
    STEP_QUEUED = "step-queued"
    STEP_FAILING = "step-failing"
    DEFINITION_UNREADABLE = "definition-unreadable"
    POOL_MISSING = "pool-missing"
    POOL_REPLACED = "pool-replaced"
    POOL_RESIZING = "pool-resizing"
    POOL_NOT_SCALED = "pool-not-scaled"
    CORE_QUOTA = "core-quota"
    NO_CAPACITY = "no-capacity"
    RESIZE_FAILED = "resize-failed"
    AUTOSCALE_FAILED = "autoscale-failed"
    NODES_STARTING = "nodes-starting"
    NODES_UNUSABLE = "nodes-unusable"
    NODES_PREEMPTED = "nodes-preempted"
    START_TASK_FAILING = "start-task-failing"
    IMAGE_FAILING = "image-failing"
    PREPARATION_RUNNING = "preparation-running"
    PREPARATION_FAILING = "preparation-failing"
    JOB_DISABLED = "job-disabled"
    JOB_OVER = "job-over"
    TASKS_QUEUED = "tasks-queued"
    TASKS_BEHIND_OTHERS = "tasks-behind-others"
    TASKS_RUNNING = "tasks-running"
    RECEIPTS_ON_THEIR_WAY = "receipts-on-their-way"
    OUTPUTS_NOT_UPLOADED = "outputs-not-uploaded"
    ASSEMBLING = "assembling"
    COMMITTING = "committing"
    CANCELLING = "cancelling"
    BATCH_NOT_ANSWERING = "batch-not-answering"
    STORAGE_NOT_ANSWERING = "storage-not-answering"
    VAULT_NOT_ANSWERING = "vault-not-answering"
    UNKNOWN = "unknown"


class Obstacle(Stored):
    """Why a run waits: a code for programs, the evidence, and what to do about it.

    `since` is when the sweep first noted the code, if it has stayed the same from then on.
    """

    code: ObstacleCode
    evidence: str
    remedy: str = ""
    since: datetime | None = None

    def after(self, noted: "Obstacle | None", now: datetime) -> "Obstacle":
        """Return the obstacle with its beginning, which what was noted before may hold."""
        same = noted is not None and noted.code is self.code
        begun = noted.since if noted is not None and same else None
        return self.model_copy(update={"since": begun or now})

    def __str__(self) -> str:
        return f"{self.evidence} ({self.remedy})" if self.remedy else self.evidence
