"""Which examples a replica sees: a pure function of seed, task of the sequence and step."""

import pytest
import torch

from imprint.fleet.order import Order

STAGES = torch.tensor([0, 1] * 11 + [0])  # 12 examples of the first task, 11 of the second


def order(batch_size=5):
    return Order(STAGES, 2, batch_size)


def epoch(found, seed=0, stage=0, number=0):
    count = found.batches[stage]
    return torch.cat([found.batch(seed, stage, number * count + place) for place in range(count)])


def test_it_is_a_pure_function():
    straight = [order().batch(3, stage, step) for stage in (0, 1) for step in range(9)]
    used = order()
    places = [(stage, step) for stage in (0, 1) for step in range(9)]
    for stage, step in reversed(places):  # asked in another order, among other seeds, it answers the same
        used.batch(4, stage, step)
        assert torch.equal(used.batch(3, stage, step), straight[places.index((stage, step))])


def test_the_global_stream_is_neither_read_nor_moved():
    torch.manual_seed(0)
    before = torch.get_rng_state()
    one = order().batch(0, 0, 0)
    assert torch.equal(before, torch.get_rng_state())
    torch.manual_seed(1)
    assert torch.equal(one, order().batch(0, 0, 0))


@pytest.mark.parametrize("stage", [0, 1])
def test_an_epoch_is_without_replacement_and_within_its_task(stage):
    for number in range(4):
        seen = epoch(order(), stage=stage, number=number).tolist()
        assert len(seen) == len(set(seen)) == 10  # two batches of 5; the rest waits for the next shuffle
        assert all(STAGES[index] == stage for index in seen)


def test_every_example_has_its_turn():
    found = order()
    seen = {index for number in range(20) for index in epoch(found, number=number).tolist()}
    # of 12 examples 2 wait in each epoch: one is left out of 20 epochs with probability 12 * 6^-20
    assert len(seen) == 12


def test_seeds_stages_and_epochs_have_their_own_order():
    whole = Order(torch.zeros(30, dtype=torch.int64), 1, 30)
    sequence = Order(torch.arange(60) // 30, 2, 30)
    draws = [
        epoch(whole, seed=0),
        epoch(whole, seed=1),
        epoch(whole, seed=0, number=1),
        epoch(sequence, stage=1) - 30,
    ]
    for first in range(4):
        assert sorted(draws[first].tolist()) == list(range(30))
        for second in range(first):
            assert not torch.equal(draws[first], draws[second])


def test_the_same_seed_has_the_same_order_whatever_the_batch_size():
    assert torch.equal(epoch(order(4))[:10], epoch(order(5)))


def test_golden_order():
    # pinned: a change of the order changes every result
    assert Order(torch.zeros(8, dtype=torch.int64), 1, 4).batch(0, 0, 0).tolist() == GOLDEN


GOLDEN = [0, 6, 3, 1]


def test_full_batch_takes_all_examples_of_the_task_in_their_order():
    found = order(None)
    assert found.batches == [1, 1] and not found.whole
    for step in range(3):
        assert torch.equal(found.batch(0, 1, step), torch.nonzero(STAGES == 1).flatten())
    assert Order(torch.zeros(8, dtype=torch.int64), 1, None).whole


def test_a_batch_larger_than_a_task_is_refused():
    assert order(11).batches == [1, 1]
    with pytest.raises(ValueError, match=r"batch_size 12 is larger than the smallest task's 11 examples"):
        order(12)


def test_with_a_seed_of_its_own_the_order_is_that_seeds_for_every_replica():
    shared, other = Order(STAGES, 2, 5, 3), Order(STAGES, 2, 5, 4)
    for stage in (0, 1):
        for step in range(5):
            expected = order().batch(3, stage, step)
            assert all(torch.equal(shared.batch(seed, stage, step), expected) for seed in (0, 3, 9))
    assert not torch.equal(epoch(shared), epoch(other))
    assert torch.equal(epoch(Order(STAGES, 2, 5, 0), seed=7), epoch(order(), seed=0))  # 0 is a seed, not "none"
