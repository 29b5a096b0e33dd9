"""Streams are pinned: a change of one of these numbers changes every result of every study."""

import hashlib

import pytest
import torch

from imprint.streams import generator, seed_of

# sha256 of the text, first eight bytes, without the last bit: printed by `printf 0/init | sha256sum` and a calculator
GOLDEN = {
    (0, "init"): 1519069808562059438,
    (0, "order", 0, 0): 1778561849141805087,
    (7, "order", 1, 12): 5838752265513956336,
    (1000, "data"): 2340595170075665433,
    (3, "noise", "layer", 5): 3589882305645690666,
}


@pytest.mark.parametrize(("coordinates", "expected"), GOLDEN.items(), ids=str)
def test_golden_values(coordinates, expected):
    assert seed_of(*coordinates) == expected


def test_it_is_the_hash_of_the_text():
    digest = hashlib.sha256(b"7/order/1/12").hexdigest()
    assert seed_of(7, "order", 1, 12) == int(digest[:16], 16) // 2


def test_seeds_fit_a_torch_generator_and_differ():
    names = [(seed, stream, *more) for seed in range(50) for stream in ("init", "order") for more in ((), (0,), (0, 1))]
    seeds = [seed_of(*name) for name in names]
    assert len(set(seeds)) == len(names)
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_coordinates_are_separated():
    assert seed_of(1, "order", 11, 2) != seed_of(1, "order", 1, 12)
    assert seed_of(1, "order", 11, 2) != seed_of(11, "order", 1, 2)


def test_a_generator_starts_at_its_seed_and_leaves_the_global_stream_alone():
    before = torch.get_rng_state()
    one, other = (torch.rand(4, generator=generator(2, "init")) for _ in range(2))
    assert torch.equal(one, other)
    assert torch.equal(one, torch.rand(4, generator=torch.Generator().manual_seed(seed_of(2, "init"))))
    assert not torch.equal(one, torch.rand(4, generator=generator(2, "order")))
    assert torch.equal(before, torch.get_rng_state())
