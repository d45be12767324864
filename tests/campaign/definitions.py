"""The pipelines of the campaign: one of lines, one that follows it, and one of stage programs.

Its stack loses outputs now and then. Each loss is worth another execution, so that no item is
missing because it had bad luck twice.
"""

from pathlib import Path

_ITEMS = """split: {lines: {}}
bundle: {items: 2}
assemble: {concatenate: {format: plain, name: done.txt}}
tolerance: {failed_items: "100%"}
"""
_STAGES = """split:
  program: {program: cut.py, arguments: ["{input}", "{output}"], parameters: [line]}
assemble: {program: {program: join.py, arguments: ["{parts}", "{output}"]}}
"""
_REST = """task: {program: act.py, arguments: ["{line}", "{output}"]}
pool: cpu
limits: {item: 60s, task: 5m, run: 30m}
retries: {output-lost: 20, upload-failed: 20}
"""
_PIPELINES = {
    "busy": "trigger: {blob: {container: input, prefix: busy/}, http: true}\n" + _ITEMS,
    "after": "trigger: {run: {pipeline: busy, file: done.txt}}\n" + _ITEMS,
    "parted": "trigger: {blob: {container: input, prefix: parted/}}\n" + _STAGES,
}
PIPELINES = tuple(_PIPELINES)


def add_pipelines(folder: Path) -> None:
    """Write the definitions into a folder `pipelines`."""
    for name, text in _PIPELINES.items():
        (folder / f"{name}.yaml").write_text(f"description: Under load\n{text}{_REST}", "utf-8")
