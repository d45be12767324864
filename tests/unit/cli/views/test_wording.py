"""How values are written for people."""

import pytest

from pipeline.cli.views import wording


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (wording.size(999), "999 B"),
        (wording.size(1_055_736), "1.1 MB"),
        (wording.span(4.16), "4.2 s"),
        (wording.span(185), "3m05s"),
        (wording.span(179.9), "2m59s"),
        (wording.span(7800), "2h10m"),
        (wording.span(273_600), "3d4h"),
        (wording.count(1, "run"), "1 run"),
        (wording.count(2000, "run"), "2,000 runs"),
        (wording.cost(3600, 0.096, "USD"), "3,600.0 node-seconds, 0.096 USD"),
        (wording.cost(1, 0, ""), "1.0 node-seconds"),
        (wording.money(0.0000331, "USD"), "0.000033 USD"),
        (wording.money(0, "USD"), "0 USD"),
        (wording.money(1234.5, "EUR"), "1,234.50 EUR"),
        (wording.one_line("a\n b\tc" + "d" * 9, 10), "a b cdddd…"),
        (wording.visible("tab\tline\nü\x1b[0m\u202e"), "tab\tline\nü\\x1b[0m\\u202e"),
    ],
)
def test_values_read_well(written, expected):
    assert written == expected
