"""`fanfare cost`: idle, and beside the naive design."""

import pytest

from pipeline.cli.cost_command import metered, prices
from pipeline.cli.exits import Exit
from pipeline.domain import cost
from tests.unit.cli.conftest import LINES


def test_a_bill_is_the_sum_of_its_lines_and_every_price_says_whence(cli):
    told = cli.json("cost")
    for part in ("control_plane", "naive"):
        assert told[part]["total"] == pytest.approx(sum(x["cost"] for x in told[part]["lines"]))
    assert all(price["source"] and price["date"] for price in told["prices"].values())
    assert told["control_plane"]["total"] < told["control_plane"]["at_worst"]
    assert told["control_plane"]["at_worst"] < told["naive"]["total"]


def test_bundles_of_a_pipeline_make_it_cheaper(cli_with):
    cli = cli_with(LINES + "bundle: {items: 100}\n")
    one, hundred = cli.json("cost"), cli.json("cost", "job")
    assert hundred["items_per_task"] == 100
    assert hundred["control_plane"]["total"] < one["control_plane"]["total"] / 2
    assert hundred["naive"] == one["naive"]


def test_nodes_are_priced_once_the_pipeline_has_run(cli):
    assert cli.json("cost", "job")["nodes"]["cost"] is None
    cli.finished()
    nodes = cli.json("cost", "job", "--items", "10")["nodes"]
    assert nodes["cost"] == pytest.approx(nodes["node_seconds"] * 0.36 / 3600)


def test_a_private_network_shows_what_it_costs_while_idle(cli):
    open_, closed = cli.json("cost"), cli.json("cost", "--private-network")
    more = closed["idle"]["month"] - open_["idle"]["month"]
    assert more == pytest.approx(7 * 730 * 0.01 + 6 * 0.5)


def test_free_grants_are_deducted_from_the_timers_and_never_below_nothing():
    lines = {line.meter: line for line in cost.idle(prices(), {}, private=False)}
    assert lines["function-execution"].cost == 0
    assert lines["function-gb-second"].cost == pytest.approx((176_660 - 100_000) * 0.000026)


def test_the_samples_are_met_exactly():
    for sample in metered().samples:
        estimate = metered().of(sample.items, sample.tasks)
        assert estimate == pytest.approx(sample.operations)


def test_the_table_tells_what_is_left_out_and_fits_a_terminal(cli):
    shown = cli("cost").stdout
    assert "Not included" in shown and "naive" in shown and "*" in shown
    assert all(len(line) <= 80 for line in shown.splitlines() if "operation" in line)


def test_an_unknown_pipeline_and_no_items_are_refused(cli):
    assert cli("cost", "nope").exit_code == Exit.FAILED
    assert cli("cost", "--items", "0").exit_code == Exit.USAGE
