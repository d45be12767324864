"""The example of the README on the stack."""

import json

from tests.e2e.local import Stack


def test_the_words_of_a_text_are_counted_as_the_readme_promises(stack: Stack):
    text = b"four words in this\n" * 250
    run, _ = stack.succeeded(stack.upload("texts/book.txt", text, "word-count"), 120)
    assert json.loads(stack.output(run)["words.json"]) == {"words": 1000}
