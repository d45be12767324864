"""What the engine relies on in the clock and its tokens."""

import re
from datetime import timedelta


def test_now_is_utc(ports):
    assert ports.clock.now().utcoffset() == timedelta()


def test_tokens_are_sixteen_hexadecimal_digits_and_differ(ports):
    tokens = [ports.clock.token() for _ in range(10)]
    assert all(re.fullmatch("[0-9a-f]{16}", token) for token in tokens)
    assert len(set(tokens)) == 10
