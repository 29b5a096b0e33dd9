"""Second-order regression: stacked against its own forward, and against the quadratic written out."""

import pytest
import torch

from imprint.models import second_order
from imprint.models.initialize import initialize
from imprint.streams import generator

REPLICAS, PARAMETERS = 3, 4


def inputs(*leading):
    stream = torch.Generator().manual_seed(0)
    return torch.randn(*leading, 1 + PARAMETERS + PARAMETERS**2, generator=stream, dtype=torch.float64)


def weights():
    stream = torch.Generator().manual_seed(1)
    return {"layer.weight": torch.randn(REPLICAS, 1, PARAMETERS, generator=stream, dtype=torch.float64)}


def built():
    return second_order.build(inputs=21, classes=1).double()


def test_outputs_are_the_quadratic():
    x = inputs(5)
    outputs, hidden = second_order.stacked(built(), weights(), x)
    offset, slope, form = x[:, 0], x[:, 1:5], x[:, 5:].view(5, 4, 4)
    w = weights()["layer.weight"][:, 0]
    expected = offset + w @ slope.mT + torch.einsum("rp,npq,rq->rn", w, form, w) / 2
    assert not hidden and outputs.shape == (REPLICAS, 5, 1)
    # twenty products of numbers near 1
    torch.testing.assert_close(outputs[..., 0], expected, rtol=1e-13, atol=1e-13)


def test_stacked_is_the_forward_of_each_replica():
    model = built()
    for x in (inputs(5), inputs(REPLICAS, 5)):
        outputs, _ = second_order.stacked(model, weights(), x)
        for r in range(REPLICAS):
            own = {"layer.weight": weights()["layer.weight"][r]}
            alone = torch.func.functional_call(model, own, (x if x.dim() == 2 else x[r],))
            torch.testing.assert_close(outputs[r], alone, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("count", [1, 5])
def test_a_replica_does_not_depend_on_how_many_there_are(count):
    model, x = built(), inputs(REPLICAS, count)
    leaf = weights()["layer.weight"].requires_grad_()

    def results(first, last):
        outputs, _ = second_order.stacked(model, {"layer.weight": leaf[first:last]}, x[first:last])
        (gradient,) = torch.autograd.grad(torch.square(outputs).mean(1).sum(), leaf)
        return outputs, gradient[first:last]

    together = results(0, REPLICAS)
    for r in range(REPLICAS):
        for all_of_them, alone in zip(together, results(r, r + 1), strict=True):
            assert torch.equal(all_of_them[r], alone[0])


def test_training_starts_at_zero():
    drawn = initialize(built(), generator(0, "init"))
    assert list(drawn) == ["layer.weight"] and not drawn["layer.weight"].any()


def test_wrong_numbers_of_inputs_and_outputs_are_refused():
    with pytest.raises(ValueError, match="22 inputs are not 1 . P . P.2 for any number P"):
        second_order.build(inputs=22, classes=1)
    with pytest.raises(ValueError, match="has 1 output; the task has 2 classes"):
        second_order.build(inputs=21, classes=2)
    assert second_order.build(inputs=3, classes=1).layer.weight.shape == (1, 1)
