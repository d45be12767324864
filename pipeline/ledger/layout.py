"""The tables of the ledger, and the partition that a generation's rows share."""

RUNS, TASKS, PROGRESS, POOLS = TABLES = ("runs", "tasks", "progress", "pools")


def partition(run: str, generation: int) -> str:
    """Return the partition that holds a generation's tasks and progress."""
    return f"{run}-g{generation}"
