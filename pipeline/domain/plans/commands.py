"""The command and environment of a task without the runner, whose one item is its command.

In a container the task's folder has the same path as on the node, but no shell is there to put
the path in. So files are named relative to the folder, in which the command starts.
"""

import json
import shlex
from collections.abc import Mapping

from pipeline.domain.notation.placeholders import fill
from pipeline.domain.plans.plan import Page, PlannedInput, PlannedItem, PlannedProgram, PlannedTask
from pipeline.domain.runs import naming

_INPUTS = "{inputs}"


def command_line(program: PlannedProgram, item: PlannedItem) -> str:
    """Write the command of an item as Batch takes it; every value stays one argument."""
    values: dict[str, object] = {**item.parameters, "item": item.id}
    values["output"] = naming.OUTPUT_FOLDER
    values |= {"input": item.inputs[0]} if item.inputs else {}
    filled: list[str] = []
    for argument in (*(program.command or ()), *program.arguments):
        filled += item.inputs if argument == _INPUTS else [fill(argument, values)]
    return shlex.join(filled)


def variables(page: Page, task: PlannedTask) -> dict[str, str]:
    """Return the environment variables by which the runner would describe the item."""
    item = task.items[0]
    first = item.inputs[0] if item.inputs else ""
    return {
        "FANFARE_RUN": page.run,
        "FANFARE_GENERATION": str(page.generation),
        "FANFARE_ITEM": str(item.id),
        "FANFARE_INPUT": first,
        "FANFARE_INPUT_NAME": _names([*page.inputs, *task.inputs]).get(first, ""),
        "FANFARE_OUTPUT": naming.OUTPUT_FOLDER,
        "FANFARE_PARAMETERS": json.dumps(item.parameters, ensure_ascii=False),
    }


def _names(files: list[PlannedInput]) -> Mapping[str, str]:
    return {file.file: file.name for file in files}
