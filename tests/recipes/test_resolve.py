"""From words to classes: what does not exist is refused with the nearest that does."""

import pytest
import torch

from imprint.recipes.resolve import RecipeError, check_options, functions, update_class
from imprint.recipes.update.muon import Muon


def test_classes_and_files_of_this_package():
    assert update_class("mine", "torch.optim:Adam") is torch.optim.Adam
    assert update_class("mine", "muon") is Muon


@pytest.mark.parametrize(
    ("update", "message"),
    [
        ("no_such_package.module:Her", r"recipe 'mine': update 'no_such_package.module:Her': cannot import "
         r"'no_such_package.module' \(No module named 'no_such_package'\)"),
        ("muun", r"cannot import 'imprint.recipes.update.muun'"),
        ("torch.optim:Adamm", r"module 'torch.optim' has no class 'Adamm'; did you mean .*'Adam'"),
        ("torch.nn:Linear", r"'torch.nn:Linear' is <class .*Linear'>, not a torch.optim.Optimizer class"),
        ("torch.optim:lr_scheduler", r"not a torch.optim.Optimizer class"),
    ],
)  # fmt: skip
def test_what_is_not_there_or_no_optimizer(update, message):
    with pytest.raises(RecipeError, match=message):
        update_class("mine", update)


class Swallowing(torch.optim.SGD):
    def __init__(self, params, lr=1e-3, momentum=0.0, **kwargs):
        super().__init__(params, lr=lr, momentum=momentum)


def test_nothing_vanishes_in_keyword_arguments():
    check_options("mine", Swallowing, {"lr": 1.0, "momentum": 0.5})
    with pytest.raises(RecipeError, match=r"recipe 'mine': Swallowing takes no 'cautious' \(it takes lr, momentum\)"):
        check_options("mine", Swallowing, {"lr": 1.0, "cautious": True})
    with pytest.raises(RecipeError, match=r"takes no 'momentun'.*did you mean 'momentum'"):
        check_options("mine", Swallowing, {"momentun": 0.9})


@pytest.mark.parametrize("name", ["SOAP", "Lion", "Shampoo"])
def test_a_hyperparameter_that_pytorch_optimizer_would_swallow(name):
    cls = update_class("mine", f"pytorch_optimizer:{name}")
    cls([torch.nn.Parameter(torch.zeros(2, 2))], weight_decai=0.1)  # the package itself says nothing
    with pytest.raises(RecipeError, match=rf"{name} takes no 'weight_decai'.*did you mean 'weight_deca"):
        check_options("mine", cls, {"weight_decai": 0.1})


@pytest.mark.parametrize("name", ["params", "self", "kwargs", "args"])
def test_what_is_no_hyperparameter(name):
    with pytest.raises(RecipeError, match=f"takes no '{name}'"):
        check_options("mine", Swallowing, {name: 1})


def test_parts():
    assert functions("mine", "schedule", "constant")["multiplier"](7) == 1.0
    assert list(functions("mine", "decay", "decoupled")) == ["decay"]
