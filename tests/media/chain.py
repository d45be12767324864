"""Runs the three media programs one after another, as a run does on nodes."""

import contextlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from task_scripts import media_concat, media_encode, media_split

STEP = 11  # no divisor of the distance of key frames, so that items begin within groups


@dataclass(frozen=True)
class Ended:
    """How the programs ended: the output, if there is one, and what they said."""

    output: Path | None
    said: str
    items: list[dict[str, object]]


def encode(source: Path, folder: Path, step: int = STEP, device: str = "cpu") -> Ended:
    """Split, encode on a device, and join a video in a folder of its own."""
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
        return _encode(source, folder, step, said, {"FANFARE_DEVICE": device})


def _encode(
    source: Path, folder: Path, step: int, said: io.StringIO, environ: Mapping[str, str]
) -> Ended:
    folder.mkdir()
    given = ["--input", str(source), "--output"]
    if media_split.main([*given, str(folder), "--step", str(step)], {}):
        return Ended(None, said.getvalue(), [])
    items = [item["parameters"] for item in json.loads((folder / "items.json").read_bytes())]
    for item in items:
        place = folder / str(item["index"])
        place.mkdir()
        if media_encode.main([*given, str(place), *arguments(item)], environ):
            return Ended(None, said.getvalue(), items)
    parts = [{"item": item["index"], "file": f"{item['index']}/part.mp4"} for item in items]
    (folder / "parts.json").write_text(json.dumps(parts))
    (folder / "out").mkdir()
    joining = ["--parts", str(folder / "parts.json"), "--source", str(source)]
    failed = media_concat.main([*joining, "--output", str(folder / "out")], {})
    return Ended(None if failed else folder / "out/video.mp4", said.getvalue(), items)


def arguments(item: dict[str, object]) -> list[str]:
    """Return the arguments of an item, as `pipelines/media-encode.yaml` gives them."""
    spans = [f"--{name.replace('_', '-')}={item[name]}" for name in item if name != "index"]
    return [*spans, "--crf", "12", "--preset", "ultrafast"]
