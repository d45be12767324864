"""One node of a pool: its state, its free slots, and what ran on it lately."""

import json
from dataclasses import dataclass, field
from typing import Self

from emulators.batch.document import Doc
from emulators.batch.model.addresses import node_addresses
from emulators.batch.model.stateful import Stateful
from emulators.batch.model.states import NodeState

_RECENT = 10
READY = frozenset({NodeState.IDLE, NodeState.RUNNING})


@dataclass(slots=True, kw_only=True)
class Node(Stateful[NodeState]):
    """One node.

    `used` counts the slots of the tasks that run on it now; it is never stored. `left_running` says
    that its start task left processes in the background for its tasks. `preempting` says that it is
    unusable because the cloud takes its machine away.
    """

    id: str
    pool_id: str
    dedicated: bool
    slots: int
    number: int
    scheduling: str = "enabled"
    booted: str = ""
    start_info: Doc = field(default_factory=dict)
    left_running: bool = False
    total_run: int = 0
    total_succeeded: int = 0
    used: int = 0
    running: dict[str, tuple[str, str]] = field(default_factory=dict)
    recent: list[tuple[str, str]] = field(default_factory=list)
    errors: list[Doc] = field(default_factory=list)
    users: dict[str, Doc] = field(default_factory=dict)
    draining: bool = False
    preempting: bool = False

    @property
    def table_key(self) -> tuple[str, str, str]:
        """Return where the store keeps it."""
        return ("node", self.pool_id, self.id)

    @property
    def takes_tasks(self) -> bool:
        """Tell whether the scheduler may use it."""
        return self.state in READY and self.scheduling == "enabled" and not self.draining

    @property
    def free(self) -> int:
        """Return how many slots are free."""
        return self.slots - self.used

    def note_run(self, job_id: str, task_id: str) -> None:
        """Remember a task that ran here, the latest first."""
        self.total_run += 1
        self.recent = [(job_id, task_id), *self.recent][:_RECENT]

    def document(self, base: str, pool: Doc) -> Doc:
        """Return the node as clients see it."""
        shown: Doc = {
            "id": self.id,
            "url": f"{base}/pools/{self.pool_id}/nodes/{self.id}",
            "state": str(self.state),
            "schedulingState": self.scheduling,
            "stateTransitionTime": self.since,
            "lastBootTime": self.booted or self.created,
            "allocationTime": self.created,
            **node_addresses(self.number, pool),
            "affinityId": f"TVM:{self.id}",
            "vmSize": pool.get("vmSize", ""),
            "totalTasksRun": self.total_run,
            "totalTasksSucceeded": self.total_succeeded,
            "runningTasksCount": len(self.running),
            "runningTaskSlotsCount": self.used,
            "isDedicated": self.dedicated,
            "nodeAgentInfo": {"version": "1.0.0", "lastUpdateTime": self.created},
            "virtualMachineInfo": {
                "imageReference": (pool.get("virtualMachineConfiguration") or {}).get(
                    "imageReference", {}
                )
            },
        }
        if self.start_info:
            shown |= {"startTask": pool.get("startTask"), "startTaskInfo": self.start_info}
        if self.errors:
            shown["errors"] = self.errors
        return shown

    def record(self) -> str:
        """Return the node as text for the store."""
        return json.dumps(
            {
                **self.saved_history(),
                "id": self.id,
                "pool_id": self.pool_id,
                "dedicated": self.dedicated,
                "slots": self.slots,
                "number": self.number,
                "scheduling": self.scheduling,
                "booted": self.booted,
                "start_info": self.start_info,
                "left_running": self.left_running,
                "total_run": self.total_run,
                "total_succeeded": self.total_succeeded,
                "recent": self.recent,
                "errors": self.errors,
                "users": self.users,
                "draining": self.draining,
                "preempting": self.preempting,
            }
        )

    @classmethod
    def restore(cls, text: str) -> Self:
        """Build the node that `record` wrote, with nothing running on it."""
        saved = json.loads(text)
        saved["recent"] = [tuple(one) for one in saved["recent"]]
        return cls(**{**saved, "state": NodeState(saved["state"])})
