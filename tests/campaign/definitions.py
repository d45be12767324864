"""The pipelines of the campaign: besides `staged`, one of lines and one that follows it."""

from pathlib import Path

_TASK = 'task: {program: act.py, arguments: ["{line}", "{output}"]}'
_REST = f"""split: {{lines: {{}}}}
{_TASK}
bundle: {{items: 2}}
pool: cpu
assemble: {{concatenate: {{format: plain, name: done.txt}}}}
limits: {{item: 60s, task: 5m, run: 30m}}
tolerance: {{failed_items: "100%"}}
"""
_TRIGGERS = {
    "busy": "{blob: {container: input, prefix: busy/}, http: true}",
    "after": "{run: {pipeline: busy, file: done.txt}}",
}
PIPELINES = (*_TRIGGERS, "staged")


def add_pipelines(folder: Path) -> None:
    """Write the definitions into a folder `pipelines`."""
    for name, trigger in _TRIGGERS.items():
        text = f"description: Under load\ntrigger: {trigger}\n{_REST}"
        (folder / f"{name}.yaml").write_text(text, "utf-8")
