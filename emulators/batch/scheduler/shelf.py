"""Sorts the nodes of a pool by free slots, so that a search need not look at every node."""

from collections.abc import Iterable, Iterator, Set

from emulators.batch.model.node import Node


class NoRoom(Exception):
    """No node has so many free slots."""


class Shelf:
    """Nodes that accept tasks, grouped by their number of free slots.

    The shelf forgets lazily: it notices that a node has changed when it meets it again.
    """

    def __init__(self, nodes: Iterable[Node] = ()) -> None:
        self._by_free: dict[int, dict[str, Node]] = {}
        self._places: dict[str, int] = {}
        for node in nodes:
            self.offer(node)

    def offer(self, node: Node) -> None:
        """Put a node where its free slots belong, or remove it if it accepts no tasks."""
        self._put(node, node.free if node.takes_tasks else 0)

    def widest(self, barred: Set[str] = frozenset()) -> int:
        """Return the most free slots on one node that is not barred."""
        node = self._find(1, barred, emptiest_first=True)
        return node.free if node is not None else 0

    def take(self, slots: int, *, pack: bool, barred: Set[str], wanted: str = "") -> Node:
        """Pick a node with room: the preferred one, else the fullest that fits when packing, else
        the emptiest.

        Raises NoRoom, but never for as many slots as `widest` just returned.
        """
        node = self._wanted(wanted, slots, barred) if wanted else None
        node = node or self._find(slots, barred, emptiest_first=not pack)
        if node is None:
            raise NoRoom
        self._put(node, node.free - slots)
        return node

    def _wanted(self, node_id: str, slots: int, barred: Set[str]) -> Node | None:
        node = self._by_free.get(self._places.get(node_id, 0), {}).get(node_id)
        if node is None or node_id in barred:
            return None
        return node if node.takes_tasks and node.free >= slots else None

    def _find(self, least: int, barred: Set[str], *, emptiest_first: bool) -> Node | None:
        while True:
            stale = None
            for node, free in self._in_order(least, emptiest_first=emptiest_first):
                if not _stands(node, free):
                    stale = node
                    break
                if node.id not in barred:
                    return node
            if stale is None:
                return None
            # The node may belong to a group that was searched before, so the search begins again.
            self.offer(stale)

    def _in_order(self, least: int, *, emptiest_first: bool) -> Iterator[tuple[Node, int]]:
        for free in sorted(self._by_free, reverse=emptiest_first):
            if free >= least:
                for node in self._by_free[free].values():
                    yield node, free

    def _put(self, node: Node, free: int) -> None:
        old = self._places.pop(node.id, 0)
        if old:
            group = self._by_free[old]
            del group[node.id]
            if not group:
                del self._by_free[old]
        if free > 0:
            self._places[node.id] = free
            self._by_free.setdefault(free, {})[node.id] = node


def _stands(node: Node, free: int) -> bool:
    return node.takes_tasks and node.free == free
