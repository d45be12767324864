"""Draws outputs of runs as one page that needs no other file. What runs wrote is never markup."""

import base64
import csv
import html
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

ROWS, LINES = 12, 24
_STYLE = """
:root { color-scheme: light dark; --line: #8884; --dim: #888; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
section { border-top: 1px solid var(--line); padding: 1.2rem 0; }
h2 { margin: 0; font-size: 1.2rem; } p { margin: .2rem 0 .8rem; }
.facts, figcaption { color: var(--dim); font-size: .9rem; }
.bad { color: #c33; } figure { margin: .8rem 0; }
img, video, iframe { max-width: 100%; border: 1px solid var(--line); background: #fff; }
iframe { width: 100%; height: 24rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
td, th { border: 1px solid var(--line); padding: .15rem .5rem; text-align: right; }
pre { overflow: auto; max-height: 20rem; padding: .6rem; background: #8881; font-size: .85rem; }
"""


@dataclass(frozen=True)
class Part:
    """One run: what it was for, how long it took, its event and its files."""

    name: str
    description: str
    about: str
    seconds: float
    event: Mapping[str, Any]
    files: Mapping[str, tuple[str, bytes]]

    @property
    def succeeded(self) -> bool:
        """Whether the output is whole."""
        return bool(self.event["data"]["verdict"] == "succeeded")


def page(parts: list[Part]) -> str:
    """Draw a page of all parts."""
    sections = "\n".join(map(_section, parts))
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; media-src data:"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        f"<title>Fanfare: {len(parts)} pipelines</title><style>{_STYLE}</style></head><body>"
        f"<h1>Fanfare</h1><p>{len(parts)} pipelines, each on its sample, on this machine.</p>"
        f"{sections}</body></html>\n"
    )


def _section(part: Part) -> str:
    data = part.event["data"]
    items = data["items"]
    done = f"{items['succeeded']} of {items['succeeded'] + items['failed']} items"
    state = "" if part.succeeded else ' class="bad"'
    figures = "\n".join(_figure(name, *file) for name, file in part.files.items())
    return (
        f"<section><h2>{_text(part.name)} <small{state}>{_text(data['verdict'])}</small></h2>"
        f"<p>{_text(part.description)}. Its sample: {_text(part.about)}.</p>"
        f'<p class="facts">{part.seconds:.1f} s from the upload to the event; {done}; '
        f"{data['node_seconds']:.1f} node-seconds</p>{figures}"
        f"<details><summary>the completion event</summary>"
        f"<pre>{_text(json.dumps(part.event, indent=1))}</pre></details></section>"
    )


def _figure(name: str, kind: str, content: bytes) -> str:
    draw = next((way for start, way in _WAYS.items() if kind.startswith(start)), _plain)
    size = f"{len(content):,} bytes"
    return f"<figure>{draw(kind, content)}<figcaption>{_text(name)}, {size}</figcaption></figure>"


def _picture(kind: str, content: bytes) -> str:
    return f'<img alt="" src="{_data(kind, content)}">'


def _film(kind: str, content: bytes) -> str:
    return f'<video controls muted loop src="{_data(kind, content)}"></video>'


def _report(_kind: str, content: bytes) -> str:
    """Show a page within the page; without any right, it runs no script."""
    return f'<iframe sandbox="" srcdoc="{_text(content.decode(errors="replace"))}"></iframe>'


def _table(_kind: str, content: bytes) -> str:
    rows = list(csv.reader(io.StringIO(content.decode(errors="replace"))))
    head = "".join(f"<th>{_text(cell)}</th>" for cell in rows[0]) if rows else ""
    body = "".join(
        "<tr>" + "".join(f"<td>{_text(cell)}</td>" for cell in row) + "</tr>"
        for row in rows[1 : 1 + ROWS]
    )
    more = len(rows) - 1 - ROWS
    rest = f"<p>and {more:,} more rows</p>" if more > 0 else ""
    return f"<table><tr>{head}</tr>{body}</table>{rest}"


def _plain(_kind: str, content: bytes) -> str:
    if b"\0" in content:
        return ""  # not a text: its name and size say all
    lines = content.decode(errors="replace").splitlines()
    cut = [*lines[:LINES], "…"] if len(lines) > LINES else lines
    return f"<pre>{_text(chr(10).join(line[:400] for line in cut))}</pre>"


def _data(kind: str, content: bytes) -> str:
    return (
        f"data:{_text(kind.split(';', maxsplit=1)[0])};base64,{base64.b64encode(content).decode()}"
    )


def _text(text: str) -> str:
    return html.escape(text, quote=True)


_WAYS: Mapping[str, Callable[[str, bytes], str]] = {
    "image/": _picture,
    "video/": _film,
    "text/html": _report,
    "text/csv": _table,
}
