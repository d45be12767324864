"""What `fanfare up` tells to type next."""

from io import StringIO

from rich.console import Console

from pipeline.cli.stack.process import LocalStack
from pipeline.cli.views.stack import shown

ANSWER = {"already": False, "endpoints": {}, "logs": "l", "settings": "s", "function_keys": "k"}


def test_up_says_in_one_line_how_to_be_told(tmp_path):
    console = Console(width=200, record=True, file=StringIO())
    stack = LocalStack(tmp_path)
    console.print(shown(stack, ANSWER, {"AzureWebJobsStorage": "c"}, None))
    lines = [line for line in console.export_text().splitlines() if "be told" in line]
    assert [line.split("be told")[1].strip() for line in lines] == [
        f"fanfare subscribe URL --target {tmp_path}"
    ]
