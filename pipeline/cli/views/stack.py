"""What `fanfare up` shows: where everything listens, how to connect, where logs and keys are."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from pipeline.cli.stack.process import LocalStack
from pipeline.domain.definitions.pipeline import Pipeline

_STORAGE = ("blob", "queue", "table")
_FIRST = "media-encode"  # of those that ship
_OTHERS = ("batch", "eventgrid", "functions")


def answer(stack: LocalStack) -> dict[str, object]:
    """Describe the running stack for programs; keys stay in their files."""
    description = stack.description()
    return {
        "endpoints": _endpoints(cast("dict[str, dict[str, str]]", description["endpoints"])),
        "settings": str(stack.env),
        "function_keys": str(stack.data / "functions" / "keys.json"),
        "logs": str(stack.logs),
        "pid": description["pid"],
    }


@dataclass(frozen=True)
class Example:
    """An upload that starts a run: what a reader can try first."""

    pipeline: str
    container: str
    file: str
    blob: str


def example_of(pipelines: Mapping[str, Pipeline]) -> Example | None:
    """Choose a pipeline that an upload starts; None if there is none."""
    for name in sorted(pipelines, key=lambda name: (name != _FIRST, name)):
        blob = pipelines[name].trigger.blob
        if blob is not None:
            file = f"FILE{blob.suffix[0]}" if blob.suffix else "FILE"
            return Example(name, blob.container, file, f"{blob.prefix}{file}")
    return None


def shown(
    stack: LocalStack,
    answer: Mapping[str, object],
    values: Mapping[str, str],
    example: Example | None,
) -> RenderableType:
    """Describe the running stack for people."""
    head = Text("The local stack was up already" if answer["already"] else "The local stack is up")
    head.stylize("bold green")
    table = Table.grid(padding=(0, 3))
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    for name, endpoint in cast("dict[str, str]", answer["endpoints"]).items():
        table.add_row(f"  {name}", endpoint)
    table.add_row()
    for name in ("logs", "settings", "function_keys"):
        table.add_row(f"  {name.replace('_', ' ')}", str(answer[name]))
    return Group(head, table, Text(), *_connecting(values["AzureWebJobsStorage"], stack, example))


def _connecting(
    connection: str, stack: LocalStack, example: Example | None
) -> list[RenderableType]:
    """Show what to type; long lines stay whole so that they can be copied."""
    uploads = [
        f"az storage blob upload -c {each.container} -f {each.file} -n {each.blob}"
        for each in ([example] if example else [])
    ]
    following = f"run {example.pipeline} {example.file}" if example else "ls"
    lines = [
        ("  Storage Explorer  connect with this connection string:", "dim"),
        (f"    {connection}", ""),
        ("  az                for example:", "dim"),
        (f"    export AZURE_STORAGE_CONNECTION_STRING='{connection}'", ""),
        *((f"    {upload}", "") for upload in uploads),
        ("    az storage blob list -c output -o table", ""),
        (f"  next              {stack.against(following)}", "dim"),
        (f"  be told           {stack.against('subscribe URL')}", "dim"),
        (f"  then              {stack.command('down')}", "dim"),
    ]
    return [Text(text, style=style, no_wrap=True, overflow="ignore") for text, style in lines]


def _endpoints(found: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    storage = {kind: found["storage"][kind] for kind in _STORAGE}
    return {**storage, **{name: found[name]["endpoint"] for name in _OTHERS if name in found}}
