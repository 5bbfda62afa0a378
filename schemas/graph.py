"""Order in an acyclic graph of names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


class CycleError(ValueError):
    """The graph has a cycle; `path` names it, its first name again at the end."""

    def __init__(self, path: list[str]) -> None:
        self.path = path
        super().__init__(" → ".join(path))


def topological_order(reads: Mapping[str, Iterable[str]]) -> list[str]:
    """The nodes of `reads`, each after all it reads; ties keep the mapping's order.

    Args:
        reads: for each node the names it reads; names that are no nodes are ignored.

    Raises:
        CycleError: there is no such order.
    """
    order: list[str] = []
    state: dict[str, int] = {}
    for root in reads:
        trail: list[tuple[str, list[str]]] = []
        _enter(root, reads, state, trail)
        while trail:
            node, rest = trail[-1]
            if not rest:
                trail.pop()
                state[node] = 2
                order.append(node)
                continue
            following = rest.pop(0)
            if state.get(following) == 1:
                names = [name for name, _ in trail]
                raise CycleError([*names[names.index(following) :], following])
            _enter(following, reads, state, trail)
    return order


def _enter(
    node: str, reads: Mapping[str, Iterable[str]], state: dict[str, int], trail: list[tuple[str, list[str]]]
) -> None:
    if node in reads and node not in state:
        state[node] = 1
        trail.append((node, list(reads[node])))
