"""Linear model with offsets: stacked against its own forward, and against the formula."""

import pytest
import torch

from imprint.models import offset_linear

REPLICAS, CLASSES, FEATURES = 3, 2, 4


def inputs(*leading, classes=CLASSES):
    stream = torch.Generator().manual_seed(0)
    return torch.randn(*leading, classes + FEATURES, generator=stream, dtype=torch.float64)


def weights(classes=CLASSES):
    stream = torch.Generator().manual_seed(1)
    return {"layer.weight": torch.randn(REPLICAS, classes, FEATURES, generator=stream, dtype=torch.float64)}


def built(classes=CLASSES):
    return offset_linear.build(inputs=classes + FEATURES, classes=classes).double()


@pytest.mark.parametrize("leading", [(5,), (REPLICAS, 5)])
def test_stacked_is_the_formula_and_the_forward_of_each_replica(leading):
    x = inputs(*leading)
    outputs, hidden = offset_linear.stacked(built(), weights(), x)
    assert not hidden and outputs.shape == (REPLICAS, 5, CLASSES)
    for r, own in enumerate(weights()["layer.weight"]):
        x_r = x if x.dim() == 2 else x[r]
        alone = torch.func.functional_call(built(), {"layer.weight": own}, (x_r,))
        # five products of numbers near 1
        torch.testing.assert_close(outputs[r], alone, rtol=1e-14, atol=1e-14)
        expected = x_r[:, :2] + torch.einsum("cd,nd->nc", own, x_r[:, 2:])
        torch.testing.assert_close(outputs[r], expected, rtol=1e-14, atol=1e-14)


@pytest.mark.parametrize("classes", [1, CLASSES])
@pytest.mark.parametrize("count", [1, 5])
def test_a_replica_does_not_depend_on_how_many_there_are(count, classes):
    model, x = built(classes), inputs(REPLICAS, count, classes=classes)
    leaf = weights(classes)["layer.weight"].requires_grad_()

    def results(first, last):
        outputs, _ = offset_linear.stacked(model, {"layer.weight": leaf[first:last]}, x[first:last])
        (gradient,) = torch.autograd.grad(torch.square(outputs).mean(1).sum(), leaf)
        return outputs, gradient[first:last]

    together = results(0, REPLICAS)
    for r in range(REPLICAS):
        for all_of_them, alone in zip(together, results(r, r + 1), strict=True):
            assert torch.equal(all_of_them[r], alone[0])


def test_offsets_without_features_are_refused():
    with pytest.raises(ValueError, match="2 inputs are an offset for each of 2 outputs and no feature"):
        offset_linear.build(inputs=2, classes=2)
