"""The pipelines of `fanfare smoke`. Pure: a run carries its definition to the app.

So nothing of them has to be deployed: they name no program of task_scripts/, only commands that
every node and nearly every image has.
"""

import json

from pipeline.domain.definitions.images import full_name
from pipeline.domain.definitions.pipeline import Pipeline
from pipeline.domain.definitions.pool import Pool
from pipeline.domain.definitions.types import SMOKE

ANSWER, ANSWERS = "answer.txt", "answers.json"
SLEEP_S = 900
_ONCE = {"range": {"stop": 1, "step": 1}}
_LIMITS = {"item": "30m", "task": "1h", "run": "2h"}


def reading(pool: Pool) -> Pipeline:
    """Return the pipeline that writes its input in capitals."""
    return _of(pool, ["sh", "-c", f'tr a-z A-Z <"$1" >"$2/{ANSWER}"', "sh", "{input}", "{output}"])


def sleeping(pool: Pool) -> Pipeline:
    """Return the pipeline whose task does nothing for a quarter of an hour."""
    return _of(pool, ["sleep", str(SLEEP_S)])


def failing_once(pool: Pool) -> Pipeline:
    """Return the pipeline whose item fails until somebody redrives the run."""
    test = f'[ "$FANFARE_GENERATION" -gt 1 ] || exit 7; echo redriven >"$1/{ANSWER}"'
    return _of(pool, ["sh", "-c", test, "sh", "{output}"])


def asking(pool: Pool) -> Pipeline:
    """Return the pipeline whose input is a Python program, which writes answers."""
    return _of(pool, ["python3", "{input}", "{output}"])


def large(pool: Pool) -> Pipeline:
    """Return the pipeline that writes 1 GiB."""
    return _of(pool, ["sh", "-c", 'head -c 1073741824 /dev/zero >"$1/large.bin"', "sh", "{output}"])


def image_of(pool: Pool) -> str:
    """Return the image in which tasks of a pool run: the first that its nodes have; "" if none."""
    if pool.containers is None:
        return ""
    named = full_name(pool.containers.images[0])
    tagged = "@" in named or ":" in named.rpartition("/")[2]
    return named if tagged else f"{named}:latest"


def _of(pool: Pool, command: list[str]) -> Pipeline:
    image = image_of(pool)
    return Pipeline.from_json(
        json.dumps(
            {
                "name": SMOKE,
                "description": "A run of `fanfare smoke`",
                "trigger": {"http": True},
                "split": _ONCE,
                "task": {"command": command} | ({"image": image} if image else {}),
                "pool": pool.name,
                "assemble": {"none": {}},
                "output": {"alias": "none"},
                "limits": _LIMITS,
            }
        )
    )
