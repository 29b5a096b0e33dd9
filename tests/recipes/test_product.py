"""Products of stacked matrices, at shapes for which the library has other routines as well."""

import pytest
import torch

from imprint.recipes.product import add_gram, product

SHAPES = [(1, 1, 1), (1, 7, 1), (1, 7, 3), (3, 7, 1), (3, 1, 5), (1, 1, 5), (33, 64, 1), (1, 64, 33), (33, 64, 10)]


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_product_does_not_depend_on_its_neighbours(shape):
    rows, inner, columns = shape
    left, right = draw(9, rows, inner), draw(9, inner, columns, seed=1)
    found = product(left, right)
    # sums of at most 64 products near 1
    torch.testing.assert_close(found, torch.einsum("rik,rkj->rij", left, right), rtol=0, atol=1e-13)
    for r in range(9):
        assert torch.equal(product(left[r : r + 1], right[r : r + 1])[0], found[r])


@pytest.mark.parametrize("leading", [(), (9,), (3, 3)], ids=str)
@pytest.mark.parametrize("shape", [(1, 1), (1, 6), (6, 1), (5, 7), (33, 10)])
def test_gram_matrices_are_added_in_place(shape, leading):
    matrix, start = draw(*leading, *shape), draw(*leading, shape[0], shape[0], seed=1)
    total = start.clone()
    add_gram(total, matrix, 0.9, 0.5)
    torch.testing.assert_close(total, 0.9 * start + 0.5 * matrix @ matrix.mT, rtol=0, atol=1e-13)
    for r in range(9 if leading == (9,) else 0):
        alone = start[r : r + 1].clone()
        add_gram(alone, matrix[r : r + 1], 0.9, 0.5)
        assert torch.equal(alone[0], total[r])
