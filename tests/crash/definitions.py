"""The definitions of the scenarios, by name."""

from tests.fakes.definitions import Definitions, written

TASK = """
task: {program: work.py, arguments: ["{output}"]}
pool: cpu
"""
LINES = f"""
trigger: {{blob: {{container: input, prefix: lines/}}}}
split: {{lines: {{}}}}
assemble: {{concatenate: {{format: plain, name: all.txt}}}}
{TASK}"""
RANGE = f"""
trigger: {{http: true, schedule: {{cron: "0 5 10 24 12 *", time_zone: UTC}}}}
split: {{range: {{start: 0, stop: 20, step: 10}}}}
assemble: {{reduce: {{name: sum.json, fields: {{total: sum}}}}}}
output: {{alias: none}}
{TASK}"""
PROGRAMS = f"""
trigger: {{blob: {{container: input, prefix: programs/}}}}
split: {{program: {{program: cut.py, parameters: [n]}}}}
assemble: {{program: {{program: join.py}}}}
max_concurrent_runs: 1
{TASK}"""
CONTAINED = """
trigger: {blob: {container: input, prefix: contained/}}
split: {range: {start: 0, stop: 3, step: 1}}
task: {image: "registry.example/tools/cut:1", command: [cut, "{start}"]}
pool: boxes
assemble: {concatenate: {format: plain, name: all.txt}}
"""
LISTED = f"""
trigger: {{http: true}}
split: {{blobs: {{container: input, prefix: listed/}}}}
bundle: {{items: 50}}
assemble: {{concatenate: {{format: plain, name: all.txt}}}}
{TASK}"""
SLICED = f"""
trigger: {{http: true}}
split: {{blobs: {{container: input, prefix: sliced/}}}}
bundle: {{items: 2}}
assemble: {{concatenate: {{format: plain, name: all.txt}}}}
{TASK}"""
SECRETS = """
trigger: {blob: {container: input, prefix: secrets/}}
split: {program: {program: cut.py, parameters: [n], secrets: {CUT: my-vault/cut}}}
task:
  program: work.py
  secrets: {TOKEN: my-vault/token, KEY: {from: my-vault/key, as: file}}
pool: cpu
assemble: {program: {program: join.py, secrets: {JOIN: my-vault/join}}}
"""
_PIPELINES = {
    "listed": LISTED,
    "sliced": SLICED,
    "archived": SLICED.replace("concatenate: {format: plain, name: all.txt}", "zip: {name: a.zip}"),
    "paged": SLICED.replace("concatenate: {format: plain, name: all.txt}", "none: {}"),
    "reduced": SLICED.replace(
        "concatenate: {format: plain, name: all.txt}", "reduce: {name: a.json, fields: {all: list}}"
    ),
    "lines": LINES,
    "tolerant": LINES.replace("lines/", "tolerant/") + "tolerance: {failed_items: 1}\n",
    "range": RANGE,
    "first": LINES.replace("lines/", "first/"),
    "second": LINES.replace(
        "trigger: {blob: {container: input, prefix: lines/}}",
        "trigger: {run: {pipeline: first, file: all.txt}}",
    ),
    "programs": PROGRAMS,
    "contained": CONTAINED,
    "secrets": SECRETS,
}


def definitions() -> Definitions:
    """Read the definitions, once per process."""
    return written(tuple(_PIPELINES.items()))
