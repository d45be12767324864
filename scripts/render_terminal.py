"""Draws emulators/batch/terminal.svg: the first lines of its README, as they ran in a terminal.

It needs port 8484, which the README names. `python scripts/render_terminal.py`
"""

import subprocess
import sys
import tempfile
from html import escape
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "emulators/batch"
PORT = "8484"
_WIDTH, _LINE, _TOP, _LEFT = 860, 21, 58, 22
_TYPED, _PRINTED = "#8fd18f", "#d8dee9"
_FIND = ("find", ".batch/nodes", "-name", "stdout.txt")


def ran(folder: Path) -> list[str]:
    """Run the emulator and the README's first program; return what a terminal would show."""
    command = [sys.executable, "-m", "emulators.batch", "--port", PORT, "--data"]
    serving = subprocess.Popen(
        [*command, str(folder / ".batch")], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert serving.stdout is not None
    try:
        ready = serving.stdout.readline().strip().replace(f"{folder}/", "")
        code = (FOLDER / "README.md").read_text("utf-8").partition("```python\n")[2]
        (folder / "hello.py").write_text(code.partition("```")[0], "utf-8")
        said = subprocess.check_output([sys.executable, "hello.py"], cwd=folder, text=True)
        found = subprocess.check_output(_FIND, cwd=folder, text=True)
    finally:
        serving.terminate()
        serving.wait()
        serving.stdout.close()
    first = ["$ batch-emulator --port 8484", *_folded(ready)]
    shown = [*first, "", "$ python hello.py", said.strip(), "", f"$ {' '.join(_FIND)}"]
    return [*shown, *_folded(found.strip())]


def _folded(line: str, columns: int = 92) -> list[str]:
    """Break a line as a terminal of so many columns does."""
    return [line[start : start + columns] for start in range(0, len(line), columns)]


def _colour(line: str) -> str:
    return _TYPED if line.startswith("$") else _PRINTED


def drawn(lines: list[str]) -> str:
    """Draw a terminal with these lines."""
    height = _TOP + _LINE * len(lines) + 12
    texts = "\n".join(
        f'<text x="{_LEFT}" y="{_TOP + _LINE * number}" fill="{_colour(line)}">'
        f"{escape(line, quote=False)}</text>"
        for number, line in enumerate(lines, 1)
        if line
    )
    dots = "".join(
        f'<circle cx="{_LEFT + 6 + 20 * place}" cy="24" r="6" fill="{colour}"/>'
        for place, colour in enumerate(("#ec6a5e", "#f4bf4f", "#61c554"))
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
        'font-family="ui-monospace, Menlo, Consolas, monospace" font-size="14" '
        'xml:space="preserve">\n'
        f'<rect width="{_WIDTH}" height="{height}" rx="10" fill="#20252e"/>\n'
        f"{dots}\n{texts}\n</svg>\n"
    )


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        (FOLDER / "terminal.svg").write_text(drawn(ran(Path(made))), "utf-8")
