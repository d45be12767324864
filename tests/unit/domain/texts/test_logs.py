"""Logs of tasks: which entry belongs to which item, and tracebacks that come again."""

import time

from pipeline.domain.texts.logs import failed_part, folded, part_of

HEAD = "== item {}, try {}: {}, 0.10 s\n"
TRACE = 'Traceback (most recent call last):\n  File "{}", line 1, in f\n    x()\n{}'


def test_only_the_failed_part_of_a_log_is_kept():
    good, bad = HEAD.format(0, 1, "succeeded") + "fine\n", HEAD.format(1, 1, "timed-out") + "slow\n"
    assert failed_part(good + bad) == bad
    assert failed_part("no headings") == "no headings"


def test_all_tries_of_an_item_are_its_part():
    first, second = HEAD.format(1, 1, "timed-out") + "a\n", HEAD.format(1, 2, "succeeded") + "b\n"
    other = HEAD.format(11, 1, "succeeded") + "c\n"
    assert part_of(first + second + other, 1) == first + second
    assert part_of(first, 2) == ""
    assert part_of("no headings", 2) == "no headings"


def test_a_single_traceback_stays_as_it_is():
    texts = [TRACE.format("/a/x.py", "KeyError: 1"), TRACE.format("/a/y.py", "KeyError: 1")]
    assert folded(texts) == texts


def test_the_same_way_is_shown_once_wherever_the_file_lay():
    texts = [TRACE.format(f"/n{n}/x.py", f"KeyError: {n}") + "\nafter\n" for n in range(2)]
    first, second = folded(texts)
    assert first == texts[0].replace("\nafter", "\n[traceback 1: it came 2 times]\nafter")
    assert second == "[traceback 1, as above] KeyError: 1\nafter\n"


def test_a_hostile_log_takes_no_time():
    began = time.perf_counter()
    hostile = "Traceback (most recent call last):\n" + " x\n" * 200_000 + '  File "' + "/" * 200_000
    assert folded([hostile, hostile]) == [hostile, hostile]
    assert time.perf_counter() - began < 5
