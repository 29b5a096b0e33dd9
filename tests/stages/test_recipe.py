"""A recipe proves itself before anything trains: what is wrong is told as what it is."""

import importlib
import importlib.metadata
import re
import textwrap

import pytest
from fleet_example import known_recipes

from imprint.recipes.resolve import RecipeError

HEAD = """
import torch
from torch.optim import Optimizer

class Her(Optimizer):
    def __init__(self, params, lr=0.1, strength=1.0, **kwargs):
        super().__init__(params, {"lr": lr, "strength": strength})

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]:
"""


@pytest.fixture
def her(tmp_path, monkeypatch, request):
    """Return a function that writes an author's module and returns a recipe that names it."""
    monkeypatch.syspath_prepend(str(tmp_path))
    name = "her_" + re.sub(r"\W", "_", request.node.name)[:60].lower()

    def write(body, head=HEAD, **recipe):
        (tmp_path / f"{name}.py").write_text(head + textwrap.indent(body, " " * 16) + "\n", encoding="utf-8")
        importlib.invalidate_caches()
        return {"update": f"{name}:Her", "search": {"lr": [0.01, 0.1]}, **recipe}

    return write


def prove(bench, recipe, **options):
    return bench.run("recipe", bench.spec("recipe", recipe), label="toy mine", data=bench.data(**options))


def refused(bench, recipe, message):
    with pytest.raises(RecipeError, match=message) as caught:
        prove(bench, recipe)
    assert "mine" in str(caught.value)  # a person finds the recipe
    assert not bench.path("recipe").exists()


# ---------------------------------------------------------------- what passes


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in known_recipes() if name != "spectral_limit"])
def test_known_recipes(bench, name):
    result = prove(bench, known_recipes()[name])
    assert result["passes"].item() > 0
    first, *_, cost = bench.ran(result)
    found = first["class"].partition(" ")[0].rpartition(".")[2]
    assert known_recipes()[name]["update"].replace("_", "").lower().endswith(found.lower())
    assert cost["seconds_per_step"] > 0


def test_an_author_s_own_in_a_few_lines(bench, her):
    recipe = her("p.add_(p.grad, alpha=-group['lr'] * group['strength'])", hyper={"strength": 0.5})
    (ran, cost) = bench.ran(prove(bench, recipe))
    assert ran["class"].endswith(".Her (local)")
    assert ran["hyper"]["strength"] == "0.5" and ran["hyper"]["lr"] == "0.01"
    assert cost["searched"] == ["lr"]


def test_what_ran_is_told_with_its_version(bench):
    version = importlib.metadata.version("pytorch_optimizer")
    (ran, _) = bench.ran(prove(bench, {"update": "pytorch_optimizer:Lion", "hyper": {"lr": 0.01}}))
    assert ran["hyper"]["betas"] == "(0.9, 0.99)"  # what was not declared is told too
    assert ran["class"].startswith("pytorch_optimizer.") and ran["class"].endswith(f".Lion ({version})")


def test_the_rate_is_told_before_the_schedule_changes_it(bench):
    recipe = {"update": "torch.optim:SGD", "hyper": {"lr": 0.25}, "schedule": {"name": "inverse_sqrt"}}
    assert bench.ran(prove(bench, recipe))[0]["hyper"]["lr"] == "0.25"


def test_data_drawn_per_seed(bench):
    prove(bench, {"update": "torch.optim:SGD", "hyper": {"lr": 0.1}, "sees": "elements"}, seeds=[1000])


def test_one_that_diverges_at_the_far_end_of_its_space_passes(bench):
    # search spaces may reach too far: that is found by the search, not refused
    prove(bench, {"update": "torch.optim:SGD", "sees": "elements", "search": {"lr": [0.1, 1e300]}})


def test_twice_the_same(bench):
    one, other = (bench.ran(prove(bench, known_recipes()["adam"])) for _ in range(2))
    assert one[:-1] == other[:-1]


# ---------------------------------------------------------------- what does not

STEP = "p.add_(p.grad, alpha=-group['lr'])"


def test_misspelled_hyperparameter(bench):
    recipe = {"update": "torch.optim:Adam", "hyper": {"lr": 0.1, "beta": [0.9, 0.99]}}
    refused(bench, recipe, r"Adam takes no 'beta' .*did you mean 'betas'")


def test_hyperparameter_swallowed_by_keyword_arguments(bench, her):
    refused(bench, her(STEP, hyper={"strenght": 2.0}), r"Her takes no 'strenght' .*did you mean 'strength'")


@pytest.mark.parametrize(("name", "near"), [("weight_decai", "weight_decay"), ("cautious", "it takes")])
def test_hyperparameter_swallowed_by_pytorch_optimizer(bench, name, near):
    recipe = {"update": "pytorch_optimizer:SOAP", "hyper": {"lr": 0.1, name: 1.0}}
    refused(bench, recipe, rf"SOAP takes no '{name}' .*{near}")


def test_misspelled_search(bench, her):
    refused(bench, her(STEP, search={"rate": [0.1, 1.0]}), r"Her takes no 'rate'")


def test_missing_class(bench, her):
    recipe = her(STEP)
    refused(bench, {**recipe, "update": recipe["update"] + "s"}, r"has no class 'Hers'; did you mean 'Her'")


def test_missing_module(bench):
    refused(bench, {"update": "no_such_place:Her", "hyper": {"lr": 1.0}}, r"cannot import 'no_such_place'")


def test_module_that_does_not_import(bench, her):
    recipe = her(STEP, head="import no_such_library\n" + HEAD)
    refused(bench, recipe, r"cannot import .*No module named 'no_such_library'")


def test_not_an_optimizer(bench, her):
    refused(bench, her("", head="Her = 3\n"), r"is 3, not a torch.optim.Optimizer class")


def test_no_rate(bench):
    refused(bench, {"update": "torch.optim:SGD"}, r"update 'torch.optim:SGD' needs an 'lr' in hyper or search")


def test_update_that_raises(bench, her):
    refused(bench, her("raise KeyError('momentum_buffer')"), r"raised KeyError: 'momentum_buffer'")


def test_constructor_that_raises(bench, her):
    head = HEAD.replace("super()", "assert lr < 0, 'no rate will do'\n        super()")
    refused(bench, her(STEP, head=head), r"Her refuses: no rate will do")


def test_update_that_wants_a_closure(bench):
    found = prove(bench, {"update": "torch.optim:LBFGS", "hyper": {"lr": 0.1, "max_iter": 4}})
    assert found["passes"].item() == 4  # its first evaluation is the gradient that was there


def test_update_that_wants_a_closure_has_it_for_each_replica_alone(bench):
    recipe = {"update": "torch.optim:LBFGS", "hyper": {"lr": 0.1}, "sees": "elements"}
    refused(bench, recipe, r"LBFGS evaluates the loss by itself; leave 'sees: elements' out")


def test_update_that_mixes_replicas(bench, her):
    recipe = her("p.add_(p.grad / p.grad.norm(), alpha=-group['lr'])", sees="elements")
    refused(bench, recipe, r"says it sees 'elements', but a replica's steps depend on its neighbours; leave 'sees' out")


def test_update_that_sees_more_than_its_matrix(bench, her):
    rest = {"update": "torch.optim:SGD", "hyper": {"lr": 0.1}}
    recipe = her("p.add_(p.grad / p.grad.norm(), alpha=-group['lr'])", sees="matrices", rest=rest)
    refused(bench, recipe, r"says it sees 'matrices', but a replica's steps depend on its neighbours")


def test_the_same_update_is_exact_when_it_sees_the_network(bench, her):
    prove(bench, her("p.add_(p.grad / p.grad.norm(), alpha=-group['lr'])"))


def test_the_wrong_declaration_of_a_known_recipe(bench):
    refused(bench, {**known_recipes()["gradient_limit"], "sees": "elements"}, r"depend on its neighbours")


DRAWS = "p.add_(p.grad + torch.randn_like(p), alpha=-group['lr'])"


def test_update_that_draws_finds_the_replica_s_own_numbers_in_the_global_stream(bench, her):
    prove(bench, her(DRAWS))


def test_update_that_draws_for_several_replicas_at_once(bench, her):
    refused(bench, her(DRAWS, sees="elements"), r"depend on its neighbours")


def test_searched_hyperparameter_without_effect(bench, her):
    recipe = her(STEP, hyper={"lr": 0.1}, search={"strength": [0.1, 10.0]})
    refused(bench, recipe, r"'strength' is searched but does not change the steps")


def test_update_that_changes_nothing(bench, her):
    refused(bench, her("pass"), r"3 steps did not change any weight")


def test_update_that_gives_its_parameters_new_storage(bench, her):
    told = bench.ran(prove(bench, her("p.data = p - group['lr'] * p.grad")))
    assert told[0]["class"].endswith(".Her (local)")


@pytest.mark.parametrize("space", [{"search": {"lr": [0.01, 0.1]}}, {"hyper": {"lr": 0.1}, "search": None}], ids=str)
def test_update_that_is_no_number_at_once(bench, her, space):
    recipe = her("p.mul_(float('nan'))", **space)
    recipe = {key: value for key, value in recipe.items() if value is not None}
    refused(bench, recipe, r"diverge|not finite|NaN|nan")


def test_fixed_hyperparameter_without_effect_in_the_class(bench, her):
    head = HEAD.replace('"strength": strength})', "})\n        self.strength = strength")
    recipe = her("p.add_(p.grad, alpha=-group['lr'] * self.strength)", head=head, hyper={"strength": 0.0})
    # with strength 0 nothing may move; if the class is not given it, it moves as with its default
    refused(bench, recipe, r"3 steps did not change any weight")


# ---------------------------------------------------------------- parts

SGD = {"update": "torch.optim:SGD", "sees": "elements", "hyper": {"lr": 0.1}}


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"perturbation": {"name": "sam", "roh": 0.1}}, r"sam.perturb takes no 'roh' .*did you mean 'rho'"),
        ({"perturbation": {"name": "sma"}}, r"perturbation 'sma': cannot import .*'sam'"),
        ({"parametrization": {"name": "low_rank"}}, r"low_rank.split needs 'rank'"),
        ({"parametrization": {"name": "low_rank", "rank": 0}}, r"raised ValueError: low_rank: rank 0 is less than 1"),
        ({"averaging": {"name": "ema"}}, r"has more than one iterate; say 'deliver:' one of \['last', 'average'\]"),
        ({"deliver": "average"}, r"delivers 'average', but its parts make only \['last'\]"),
        ({"update": "pytorch_optimizer:SophiaH", "sees": "network", "parametrization": {"name": "power"}},
         r"the Hessian by the weights is not that by what is trained in their place; leave 'parametrization' out"),
        ({"update": "torch.optim:LBFGS", "sees": "network", "rest": SGD},
         r"evaluates the loss by itself cannot share it with a 'rest:'"),
    ],
)  # fmt: skip
def test_parts_that_cannot_be_what_they_say(bench, parts, message):
    refused(bench, {**SGD, **parts}, message)


def test_feedback_through_a_model_that_cannot_be_cut(bench, monkeypatch):
    from imprint.models import mlp

    monkeypatch.delattr(mlp, "stacked")
    refused(bench, {**SGD, "gradient": {"name": "direct_feedback"}}, r"model 'mlp' has no 'stacked' forward pass")


def test_a_part_of_one_s_own(bench, tmp_path, monkeypatch):
    text = "def decay(weights, change, rate, *, strength: float):\n    return change - strength * weights\n"
    (tmp_path / "her_own_parts").mkdir()
    (tmp_path / "her_own_parts" / "shrink.py").write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    prove(bench, {**SGD, "decay": {"name": "her_own_parts.shrink", "strength": 0.1}})
