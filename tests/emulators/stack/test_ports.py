"""Ports that a data folder keeps as long as it exists."""

import pytest

from emulators.stack.ports import choose_ports as stack_ports
from emulators.storage.ports import choose_ports as storage_ports

FIRST_THAT_LINUX_GIVES_AWAY = 32_768


@pytest.mark.parametrize("choose", [lambda m: stack_ports(m, {}), lambda m: storage_ports({}, m)])
def test_kept_ports_are_none_that_the_kernel_gives_to_others_meanwhile(tmp_path, choose):
    ports = choose(tmp_path / "ports.json").values()
    assert len(set(ports)) == len(ports)
    assert max(ports) < FIRST_THAT_LINUX_GIVES_AWAY
