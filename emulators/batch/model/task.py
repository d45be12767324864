"""One task: what its user asked for, and what happened to it so far."""

import json
from collections.abc import Sequence
from dataclasses import astuple, dataclass, field
from datetime import datetime
from typing import Self

from emulators.batch.document import FOREVER, Doc, stamp
from emulators.batch.model.stateful import Stateful
from emulators.batch.model.states import TaskState
from emulators.batch.model.usage import Usage, total

# In lower case, because names are compared so; we drop a user's property with such a name.
SET_BY_SERVICE = frozenset(
    {
        "url",
        "etag",
        "lastmodified",
        "creationtime",
        "state",
        "statetransitiontime",
        "previousstate",
        "previousstatetransitiontime",
        "executioninfo",
        "nodeinfo",
        "stats",
    }
)

# The prefix of affinity ids.
_NODE = "TVM:"


@dataclass(slots=True, kw_only=True)
class Task(Stateful[TaskState]):
    """A task of a job; `spec_text` stays text, because a job may hold 100,000 tasks.

    `instances` is how many nodes it needs at once; `subtasks` tells what happened on all but the
    first. `dedicated_only` keeps it off spot nodes. `condemned` says that somebody ended it while
    it ran, and that its process still exists. `wall_s` and `usage` are the measured cost of its
    ended attempts.
    """

    id: str
    job_id: str
    seq: int
    spec_text: str
    slots: int = 1
    instances: int = 1
    dedicated_only: bool = False
    subtasks: Sequence[Doc] = ()
    execution: Doc = field(default_factory=lambda: {"retryCount": 0, "requeueCount": 0})
    pool_id: str = ""
    node_id: str = ""
    ticket: int = 0
    satisfied: bool = False
    condemned: bool = False
    wall_s: float = 0.0
    usage: Usage | None = None

    @property
    def table_key(self) -> tuple[str, str, str]:
        """Return where the store keeps it."""
        return ("task", self.job_id, self.id)

    @property
    def wanted_node(self) -> str:
        """Return the node that it prefers, empty for nearly every task."""
        if '"affinityInfo"' not in self.spec_text:
            return ""
        return str((self.spec().get("affinityInfo") or {}).get("affinityId", ""))[len(_NODE) :]

    def spec(self) -> Doc:
        """Return what the user asked for, with defaults."""
        document: Doc = json.loads(self.spec_text)
        return document

    def document(self, base: str, root: str) -> Doc:
        """Return the task as clients see it; `root` is its directory on the node."""
        return {**self.spec(), **self.progress(base, root)}

    def progress(self, base: str, root: str) -> Doc:
        """Return its id and the properties that the service sets: `SET_BY_SERVICE` at most."""
        url = f"{base}/jobs/{self.job_id}/tasks/{self.id}"
        shown = {
            "id": self.id,
            "url": url,
            **self.history(),
            "executionInfo": dict(self.execution),
        }
        if self.node_id:
            node_url = f"{base}/pools/{self.pool_id}/nodes/{self.node_id}"
            shown["nodeInfo"] = {
                "affinityId": f"{_NODE}{self.node_id}",
                "nodeUrl": node_url,
                "poolId": self.pool_id,
                "nodeId": self.node_id,
                "taskRootDirectory": root,
                "taskRootDirectoryUrl": f"{node_url}/files/{root}",
            }
        return shown

    def begin(self, pool_id: str, node_id: str, at: datetime) -> None:
        """Bind the task to the node that it will run on."""
        self.pool_id, self.node_id = pool_id, node_id
        self.execution["startTime"] = stamp(at)

    def ran(self, seconds: float, usage: Usage | None) -> None:
        """Add the cost of an attempt that has ended."""
        self.wall_s += seconds
        self.usage = total(self.usage, usage)

    def clear_run(self) -> None:
        """Forget the outcome of the last run; the counts of retries and requeues stay."""
        kept = ("retryCount", "requeueCount", "lastRetryTime", "lastRequeueTime")
        self.execution = {key: self.execution[key] for key in kept if key in self.execution}

    def record(self) -> str:
        """Return the task as text for the store."""
        return json.dumps(
            {
                **self.saved_history(),
                "id": self.id,
                "job_id": self.job_id,
                "seq": self.seq,
                "spec_text": self.spec_text,
                "slots": self.slots,
                "instances": self.instances,
                "dedicated_only": self.dedicated_only,
                "subtasks": list(self.subtasks),
                "execution": self.execution,
                "pool_id": self.pool_id,
                "node_id": self.node_id,
                "satisfied": self.satisfied,
                "condemned": self.condemned,
                "wall_s": self.wall_s,
                "usage": None if self.usage is None else astuple(self.usage),
            }
        )

    @classmethod
    def restore(cls, text: str) -> Self:
        """Build the task that `record` wrote."""
        saved = json.loads(text)
        usage = saved.get("usage")
        read = {"state": TaskState(saved["state"]), "usage": Usage(*usage) if usage else None}
        return cls(**{**saved, **read})


def with_task_defaults(body: Doc) -> Doc:
    """Return the task with the service's defaults for properties that the user did not set."""
    constraints = {
        "maxWallClockTime": FOREVER,
        "retentionTime": "P7D",
        "maxTaskRetryCount": 0,
        **_given(body.get("constraints")),
    }
    asked = {key: value for key, value in body.items() if key.lower() not in SET_BY_SERVICE}
    if container := asked.get("containerSettings"):
        asked["containerSettings"] = {"workingDirectory": "taskWorkingDirectory", **container}
    return {
        "userIdentity": {"autoUser": {"scope": "pool", "elevationLevel": "nonadmin"}},
        "requiredSlots": 1,
        **_given(asked),
        "constraints": constraints,
    }


def _given(part: Doc | None) -> Doc:
    return {key: value for key, value in (part or {}).items() if value is not None}
