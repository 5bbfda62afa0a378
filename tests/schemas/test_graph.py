from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.graph import CycleError, topological_order


@given(st.integers(1, 30), st.randoms(use_true_random=False))
def test_every_node_after_all_it_reads(size, random):
    nodes = [f"n{i}" for i in range(size)]
    reads = {n: random.sample(nodes[:i], random.randint(0, min(i, 4))) for i, n in enumerate(nodes)}
    shuffled = dict(random.sample(list(reads.items()), size))
    order = topological_order(shuffled)
    assert sorted(order) == sorted(nodes)
    assert all(order.index(read) < order.index(node) for node in nodes for read in reads[node])


def test_a_cycle_is_shown():
    with pytest.raises(CycleError) as caught:
        topological_order({"a": ["b"], "b": ["c", "x"], "c": ["b"]})
    assert caught.value.path == ["b", "c", "b"]


def test_a_long_chain_does_not_recurse():
    assert len(topological_order({f"n{i}": [f"n{i + 1}"] for i in range(5_000)})) == 5_000
