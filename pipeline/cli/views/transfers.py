"""How the way of many bytes looks."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

_BAR = 32


@contextmanager
def transfer(console: Console, text: str, total: int) -> Iterator[Callable[[int], None]]:
    """Draw a bar during a with block, which tells how many bytes were done since."""
    columns = (TextColumn("{task.description}", markup=False), BarColumn(_BAR), DownloadColumn())
    with Progress(*columns, TransferSpeedColumn(), console=console, transient=True) as shown:
        task = shown.add_task(text, total=total)
        yield lambda count: shown.advance(task, count)
