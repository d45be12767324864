"""Tasks that satisfied their dependents, and that were deleted or started again since."""

import json
from dataclasses import asdict, dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Departed:
    """Tasks that were added before number `before` do not wait for task `task_id` any more."""

    job_id: str
    task_id: str
    before: int

    @property
    def table_key(self) -> tuple[str, str, str]:
        """Return where the store keeps it."""
        return ("departed", self.job_id, self.task_id)

    def record(self) -> str:
        """Return it as text for the store."""
        return json.dumps(asdict(self))

    @classmethod
    def restore(cls, text: str) -> Self:
        """Build the object that `record` wrote."""
        return cls(**json.loads(text))
