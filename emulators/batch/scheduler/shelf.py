"""The nodes of a pool by free slots, so that a place is found without looking at every node."""

from collections.abc import Iterable, Set

from emulators.batch.model.node import Node


class Shelf:
    """Nodes that take tasks, grouped by how many slots they have free.

    It forgets lazily: a node that has changed since it was offered is noticed when it is met.
    """

    def __init__(self, nodes: Iterable[Node] = ()) -> None:
        self._by_free: dict[int, dict[str, Node]] = {}
        self._places: dict[str, int] = {}
        for node in nodes:
            self.offer(node)

    def offer(self, node: Node) -> None:
        """Put a node where its free slots say, or away if it takes no tasks."""
        self._put(node, node.free if node.takes_tasks else 0)

    def widest(self) -> int:
        """Return the most slots that are free on one node."""
        while self._by_free:
            most = max(self._by_free)
            node = next(iter(self._by_free[most].values()))
            if _stands(node, most):
                return most
            self.offer(node)
        return 0

    def take(self, slots: int, *, pack: bool, barred: Set[str]) -> Node | None:
        """Pick a node with room: the fullest that fits when packing, the emptiest otherwise."""
        for free in sorted(self._by_free, reverse=not pack):
            if free < slots:
                continue
            for node in list(self._by_free[free].values()) if barred else self._first(free):
                if not _stands(node, free):
                    self.offer(node)
                elif node.id not in barred:
                    self._put(node, free - slots)
                    return node
        return None

    def _first(self, free: int) -> Iterable[Node]:
        """Yield the nodes of one group while it changes, the first that stands last."""
        while group := self._by_free.get(free):
            yield next(iter(group.values()))

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
