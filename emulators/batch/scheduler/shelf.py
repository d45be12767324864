"""The nodes of a pool by free slots, so that a place is found without looking at every node."""

from collections.abc import Iterable

from emulators.batch.model.node import Node


class Shelf:
    """Nodes that take tasks, grouped by how many slots they have free."""

    def __init__(self, nodes: Iterable[Node]) -> None:
        self._by_free: dict[int, dict[str, Node]] = {}
        for node in nodes:
            if node.takes_tasks and node.free > 0:
                self._by_free.setdefault(node.free, {})[node.id] = node

    def widest(self) -> int:
        """Return the most slots that are free on one node."""
        return max(self._by_free, default=0)

    def take(self, slots: int, *, pack: bool, barred: set[str]) -> Node | None:
        """Pick a node with room: the fullest that fits when packing, the emptiest otherwise."""
        for free in sorted(self._by_free, reverse=not pack):
            if free < slots:
                continue
            for node in self._by_free[free].values():
                if node.id not in barred:
                    self._reshelve(node, free, free - slots)
                    return node
        return None

    def _reshelve(self, node: Node, old: int, new: int) -> None:
        del self._by_free[old][node.id]
        if not self._by_free[old]:
            del self._by_free[old]
        if new > 0:
            self._by_free.setdefault(new, {})[node.id] = node
