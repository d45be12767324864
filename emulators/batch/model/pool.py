"""One pool: its settings, its size and target, and its nodes."""

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Self

from emulators.batch.document import Doc, parse_stamp, stamp
from emulators.batch.errors import BatchError
from emulators.batch.model.node import Node
from emulators.batch.model.pool_settings import shown_settings
from emulators.batch.model.stateful import Stateful, next_serial
from emulators.batch.model.states import Allocation, NodeState, PoolState, check_move
from emulators.batch.vm_sizes import cores_of

_AUTOSCALE = ("autoScaleFormula", "autoScaleEvaluationInterval")
_OWN = ("targetDedicatedNodes", "targetLowPriorityNodes", "enableAutoScale")


@dataclass(slots=True, kw_only=True)
class Pool(Stateful[PoolState]):
    """A pool and its nodes.

    Targets and autoscale have fields of their own; `spec` holds all else as the user gave it.
    `autoscale_began` is when the present schedule of evaluations did.
    `core_s` is the core time of dedicated nodes that are gone.
    """

    id: str
    serial: int = field(default_factory=next_serial)
    spec: Doc
    allocation: Allocation = Allocation.STEADY
    allocation_since: str = ""
    target_dedicated: int = 0
    target_spot: int = 0
    autoscale: bool = False
    autoscale_run: Doc = field(default_factory=dict)
    autoscale_changed: str = ""
    autoscale_began: str = ""
    resize_errors: list[Doc] = field(default_factory=list)
    resize_until: str = ""
    deallocation: str = "requeue"
    nodes: dict[str, Node] = field(default_factory=dict)
    next_number: int = 0
    core_s: float = 0.0

    @property
    def table_key(self) -> tuple[str, str, str]:
        """Return where the store keeps it."""
        return ("pool", self.id, "")

    @property
    def slots(self) -> int:
        """Return the task slots of each node."""
        return int(self.spec.get("taskSlotsPerNode") or 1)

    @property
    def vm_size(self) -> str:
        """Return the size of its machines."""
        return str(self.spec.get("vmSize") or "")

    @property
    def packs(self) -> bool:
        """Tell whether tasks fill one node before the next."""
        policy = self.spec.get("taskSchedulingPolicy") or {}
        return str(policy.get("nodeFillType", "spread")).lower() == "pack"

    @property
    def starts_jobs_by_age(self) -> bool:
        """Tell whether the older of two jobs with equal priority goes first."""
        policy = self.spec.get("taskSchedulingPolicy") or {}
        return str(policy.get("jobDefaultOrder", "none")).lower() == "creationtime"

    def spot_nodes(self) -> set[str]:
        """Return the ids of its spot nodes."""
        return {node.id for node in self.nodes.values() if not node.dedicated}

    @property
    def runs_gangs(self) -> bool:
        """Tell whether the pool runs multi-instance tasks; in other pools they wait forever."""
        return bool(self.spec.get("enableInterNodeCommunication")) and self.slots == 1

    def node(self, node_id: str) -> Node:
        """Return one node, or refuse."""
        found = self.nodes.get(node_id)
        if found is None:
            raise BatchError("NodeNotFound")
        return found

    def current(self, dedicated: bool) -> int:
        """Return how many nodes of one kind the pool has, without those that leave."""
        return sum(
            1
            for node in self.nodes.values()
            if node.dedicated is dedicated and node.state is not NodeState.LEAVING_POOL
        )

    def let_go(self, node: Node, at: datetime) -> None:
        """Remove a node that is gone."""
        if self.nodes.pop(node.id, None) is not None and node.dedicated:
            self.core_s += self._core_s(node, at)

    def dedicated_core_seconds(self, now: datetime) -> float:
        """Return the core time of all its dedicated nodes so far, in seconds."""
        present = (self._core_s(node, now) for node in self.nodes.values() if node.dedicated)
        return self.core_s + sum(present)

    def _core_s(self, node: Node, now: datetime) -> float:
        return (now - parse_stamp(node.created)).total_seconds() * cores_of(self.vm_size)

    def target(self, dedicated: bool) -> int:
        """Return how many nodes of one kind it should have."""
        return self.target_dedicated if dedicated else self.target_spot

    @property
    def targets(self) -> tuple[int, int]:
        """Return how many dedicated and how many spot nodes it should have."""
        return self.target_dedicated, self.target_spot

    def allocate(self, target: Allocation, at: datetime) -> None:
        """Change its allocation state; raises IllegalMove."""
        check_move(self.allocation, target)
        self.allocation, self.allocation_since = target, stamp(at)

    def document(self, base: str) -> Doc:
        """Return the pool as clients see it."""
        hidden = _OWN if self.autoscale else (*_OWN, *_AUTOSCALE)
        given = {key: value for key, value in self.spec.items() if key not in hidden}
        shown: Doc = {
            "taskSlotsPerNode": 1,
            "taskSchedulingPolicy": {"nodeFillType": "Spread"},
            "resizeTimeout": "PT15M",
            "enableInterNodeCommunication": False,
            **shown_settings(given),
            "url": f"{base}/pools/{self.id}",
            **self.history(),
            "allocationState": str(self.allocation),
            "allocationStateTransitionTime": self.allocation_since or self.created,
            "currentDedicatedNodes": self.current(True),
            "currentLowPriorityNodes": self.current(False),
            "targetDedicatedNodes": self.target_dedicated,
            "targetLowPriorityNodes": self.target_spot,
            "enableAutoScale": self.autoscale,
        }
        if self.resize_errors and self.allocation is Allocation.STEADY:
            shown["resizeErrors"] = self.resize_errors
        if self.autoscale_run and self.autoscale:
            shown["autoScaleRun"] = self.autoscale_run
        return shown

    def record(self) -> str:
        """Return the pool without its nodes as text for the store."""
        return json.dumps(
            {
                **self.saved_history(),
                "id": self.id,
                "spec": self.spec,
                "allocation": str(self.allocation),
                "allocation_since": self.allocation_since,
                "target_dedicated": self.target_dedicated,
                "target_spot": self.target_spot,
                "autoscale": self.autoscale,
                "autoscale_run": self.autoscale_run,
                "autoscale_changed": self.autoscale_changed,
                "autoscale_began": self.autoscale_began,
                "resize_errors": self.resize_errors,
                "resize_until": self.resize_until,
                "deallocation": self.deallocation,
                "next_number": self.next_number,
                "core_s": self.core_s,
            }
        )

    @classmethod
    def restore(cls, text: str) -> Self:
        """Build the pool that `record` wrote."""
        saved = json.loads(text)
        states = {"state": PoolState(saved["state"]), "allocation": Allocation(saved["allocation"])}
        return cls(**{**saved, **states})
