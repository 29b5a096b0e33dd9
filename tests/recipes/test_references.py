"""Updates of recipes.yaml against other implementations: plain loops, other packages, closed forms."""

import inspect

import optimi
import plain_updates
import pytest
import pytorch_optimizer
import schedulefree
import torch
from fleet_example import known_recipes

from imprint.recipes.decay.decoupled import decay
from imprint.recipes.resolve import update_class

RECIPES = known_recipes()
SHAPES = [(5, 4), (3, 5), (4,)]
STEPS = 25


@pytest.fixture(autouse=True)
def double():
    """Some updates keep scalars in the default precision."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def draw(seed, shapes=SHAPES):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(*shape, generator=generator) for shape in shapes]


def gradients_of(count=STEPS, shapes=SHAPES):
    """Gradients of one sign more often than the other, with some large ones and some that repeat."""
    drawn = [[g + 0.3 for g in draw(100 + t, shapes)] for t in range(count)]
    drawn[count // 2] = [10 * g for g in drawn[count // 2]]
    drawn[-1] = [g.clone() for g in drawn[-2]]
    return drawn


def rate_of(name):
    low, high = RECIPES[name]["search"]["lr"]
    return (low * high) ** 0.5


def recipe(name, **changes):
    """From parameters to the recipe's update."""
    spec = RECIPES[name]
    cls = update_class(name, spec["update"])
    rate = {"lr": rate_of(name)} if "search" in spec else {}
    return lambda parameters: cls(parameters, **{**rate, **spec.get("hyper", {}), **changes})


def path(make, gradients=None, start=None):
    """The weights after each step, and the optimizer that made them."""
    gradients = gradients or gradients_of()
    parameters = [torch.nn.Parameter(w.clone(), requires_grad=False) for w in start or draw(0)]
    optimizer = make(parameters)
    found = []
    for step in gradients:
        for parameter, g in zip(parameters, step, strict=True):
            parameter.grad = g.clone()
        optimizer.step()
        found.append([parameter.detach().clone() for parameter in parameters])
    return found, optimizer


def joined(steps):
    return torch.stack([torch.cat([w.flatten() for w in weights]) for weights in steps])


def apart(one, other):
    return (joined(one) - joined(other)).abs().max().item()


def assert_same(one, other, atol=1e-10):
    """Equal paths of weights near 1; ``atol`` allows for other orders of operations and an eps of 1e-15 or so."""
    torch.testing.assert_close(joined(one), joined(other), rtol=1e-10, atol=atol)


# ---------------------------------------------------------------- plain loops

TOGETHER = {"adai", "prodigy", "dadapt_adam"}
HESSIAN = {"sophia", "adahessian"}
PLAIN = [name for name in RECIPES if hasattr(plain_updates, name) and name not in HESSIAN]
# packages differ in where they add eps; D-Adaptation starts too slowly to be seen at the rate of its recipe
CHANGES = {"mars": {"eps": 1e-15}, "radam": {"eps": 1e-15}, "dadapt_adam": {"lr": 30.0}}


def plain(name, lr, gradients=None, **options):
    """The path of a plain loop, tensor by tensor or on all of them joined."""
    gradients, start, update = gradients or gradients_of(), draw(0), getattr(plain_updates, name)
    if name in TOGETHER:
        steps = update(torch.cat([w.flatten() for w in start]), list(joined(gradients)), lr, **options)
        return [list(w.split([w.numel() for w in start])) for w in steps]
    own = zip(start, zip(*gradients, strict=True), strict=True)
    return [list(step) for step in zip(*(list(update(w, g, lr, **options)) for w, g in own), strict=True)]


@pytest.mark.parametrize("name", PLAIN)
def test_it_is_its_paper_s(name):
    changes = CHANGES.get(name, {})
    found, _ = path(recipe(name, **changes))
    assert_same(found, plain(name, changes.get("lr", rate_of(name))), atol=1e-9)
    assert apart(found, [draw(0)] * STEPS) > 1e-4  # it moved


def test_most_updates_are_compared():
    assert len(PLAIN) >= 38
    loops = {name for name, value in vars(plain_updates).items() if inspect.isgeneratorfunction(value)}
    assert loops <= {*RECIPES, "average_of"}


@pytest.mark.parametrize("name", sorted(HESSIAN))
def test_it_takes_the_hessian_s_diagonal_at_its_steps(name):
    period, rate = RECIPES[name]["hyper"]["update_period"], rate_of(name)
    gradients = gradients_of()
    diagonals = [draw(500 + t) if t % period == 0 else None for t in range(STEPS)]
    parameters = [torch.nn.Parameter(w.clone(), requires_grad=False) for w in draw(0)]
    optimizer = recipe(name)(parameters)
    found = []
    for step, diagonal in zip(gradients, diagonals, strict=True):
        for parameter, g in zip(parameters, step, strict=True):
            parameter.grad = g.clone()
        optimizer.step(hessian=diagonal)
        found.append([parameter.detach().clone() for parameter in parameters])
    for place, w in enumerate(draw(0)):
        own = [d if d is None else d[place] for d in diagonals]
        expected = list(getattr(plain_updates, name)(w, [g[place] for g in gradients], own, rate))
        # twenty-five steps on weights near 1; eps of 1e-12 and less
        torch.testing.assert_close([weights[place] for weights in found], expected, rtol=0, atol=1e-10)


# ---------------------------------------------------------------- other packages

PACKAGES = {
    "sgd": lambda p, lr: optimi.SGD(p, lr=lr, momentum=0, weight_decay=0),
    "momentum": lambda p, lr: optimi.SGD(p, lr=lr, momentum=0.9, weight_decay=0),
    "nesterov": lambda p, lr: pytorch_optimizer.SGDW(p, lr=lr, momentum=0.9, nesterov=True),
    "adam": lambda p, lr: optimi.Adam(p, lr=lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=0),
    "adamax": lambda p, lr: pytorch_optimizer.AdaMax(p, lr=lr, eps=1e-8),
    "adadelta": lambda p, lr: pytorch_optimizer.AdaDelta(p, lr=lr),
    "adan": lambda p, lr: optimi.Adan(p, lr=lr, betas=(0.98, 0.92, 0.99), eps=1e-8, weight_decay=0),
    "lion": lambda p, lr: optimi.Lion(p, lr=lr, betas=(0.9, 0.99), weight_decay=0),
    "radam": lambda p, lr: optimi.RAdam(p, lr=lr, betas=(0.9, 0.999), eps=1e-15, weight_decay=0),
    "stable_adamw": lambda p, lr: optimi.StableAdamW(p, lr=lr, betas=(0.9, 0.99), eps=1e-8, weight_decay=0),
}


@pytest.mark.parametrize("name", PACKAGES)
def test_another_package_agrees(name):
    found, _ = path(recipe(name, **CHANGES.get(name, {})))
    assert_same(found, path(lambda p: PACKAGES[name](p, rate_of(name)))[0])


def test_adamw_is_another_package_s():
    rate, decays = rate_of("adamw"), RECIPES["adamw"]["decay"]["weight_decay"]
    parameters = [torch.nn.Parameter(w, requires_grad=False) for w in draw(0)]
    optimizer, found = recipe("adamw")(parameters), []
    for step in gradients_of():
        before = [parameter.detach().clone() for parameter in parameters]
        for parameter, g in zip(parameters, step, strict=True):
            parameter.grad = g
        optimizer.step()
        for parameter, w in zip(parameters, before, strict=True):
            parameter.data = w + decay(w, parameter.data - w, torch.tensor(rate), weight_decay=decays)
        found.append([parameter.detach().clone() for parameter in parameters])
    theirs, _ = path(lambda p: optimi.AdamW(p, lr=rate, betas=(0.9, 0.999), eps=1e-8, weight_decay=decays))
    assert_same(found, theirs)
    assert apart(found, path(recipe("adam"))[0]) > 1e-6


FREE = {
    "schedule_free_sgd": lambda p, lr: schedulefree.SGDScheduleFree(p, lr=lr, momentum=0.9, foreach=False),
    "schedule_free_adamw": lambda p, lr: schedulefree.AdamWScheduleFree(p, lr=lr, betas=(0.9, 0.999), foreach=False),
}


@pytest.mark.parametrize("name", FREE)
def test_schedule_free_is_its_authors(name):
    def training(parameters):
        optimizer = FREE[name](parameters, rate_of(name))
        optimizer.train()
        return optimizer

    found, ours = path(recipe(name))
    expected, theirs = path(training)
    assert_same(found, expected)
    delivered = []
    for optimizer in (ours, theirs):
        optimizer.eval()
        delivered.append([[p.detach().clone() for group in optimizer.param_groups for p in group["params"]]])
    assert_same(*delivered)
    assert apart(delivered[0], found[-1:]) > 1e-4


# ---------------------------------------------------------------- where packages disagree


def test_radam_moves_where_pytorch_optimizer_s_stands_still():
    found, _ = path(recipe("radam"))
    other, _ = path(lambda p: pytorch_optimizer.RAdam(p, lr=rate_of("radam")))
    assert apart(other[:5], [draw(0)] * 5) == 0
    assert (joined(found[:1]) - joined([draw(0)])).abs().max() > 1e-4
    assert apart(found, other) > 1e-4


def test_adafactor_follows_its_rate_where_pytorch_optimizer_s_does_not():
    paths = [path(lambda p, lr=lr: pytorch_optimizer.AdaFactor(p, lr=lr)) for lr in (0.001, 0.1)]
    assert apart(paths[0][0], paths[1][0]) == 0
    assert {state["exp_avg"].dtype for state in paths[0][1].state.values()} == {torch.bfloat16}
    assert apart(path(recipe("adafactor", lr=0.001))[0], path(recipe("adafactor", lr=0.1))[0]) > 1e-3


def test_lamb_s_step_is_the_paper_s_times_its_missing_correction():
    found = path(recipe("lamb"))[0]
    rate = rate_of("lamb")
    assert apart(found, plain("lamb", rate, correct=lambda t: 1.0)) > 1e-3
    first = joined([draw(0)])[0]
    step, papers = (joined(steps[:1])[0] - first for steps in (found, plain("lamb", rate, correct=lambda t: 1.0)))
    # the first step is ten times as long
    torch.testing.assert_close(step, 10 * papers, rtol=1e-10, atol=1e-12)


def test_adopt_clips_one_step_later_than_the_paper():
    found = path(recipe("adopt"))[0]
    assert apart(found, plain("adopt", rate_of("adopt"), clip=lambda step: (step - 1) ** 0.25)) > 1e-6
    assert apart(found[:1], [draw(0)]) == 0


def test_asgd_of_pytorch_optimizer_changes_its_rate():
    rate = rate_of("asgd")
    other, adaptive = path(lambda p: pytorch_optimizer.ASGD(p, lr=rate))
    found, averaged = path(recipe("asgd"))
    assert adaptive.param_groups[0]["lr"] != rate and averaged.param_groups[0]["lr"] == rate
    assert apart(found, other) > 1e-3


def test_merging_small_axes_turns_scalable_shampoo_into_gradient_descent():
    rate = rate_of("scalable_shampoo")
    descent, _ = path(lambda p: torch.optim.SGD(p, lr=rate, momentum=0.9, nesterov=True))
    assert_same(path(recipe("scalable_shampoo", shape_interpretation=True))[0], descent)
    found = path(recipe("scalable_shampoo"))[0]
    assert_same(found[:4], descent[:4])
    assert apart(found, descent) > 1e-3


# ---------------------------------------------------------------- closed forms and limits


def test_without_memory_adam_is_sign_descent():
    found, _ = path(recipe("adam", betas=(0.0, 0.0), eps=1e-300))
    # twenty-five roundings of weights near 1
    assert_same(found, path(recipe("sign_limit", lr=rate_of("adam")))[0], atol=1e-13)


def test_one_memory_makes_lion_tiger():
    found, _ = path(recipe("lion", betas=(0.965, 0.965), lr=rate_of("tiger")))
    assert_same(found, path(recipe("tiger"))[0], atol=1e-13)


def test_without_its_slow_average_ademamix_is_adam():
    assert_same(path(recipe("ademamix", alpha=0.0))[0], path(recipe("adam"))[0])


def step_of(make, gradient):
    """The change by the first step from one matrix of zeros."""
    start = [torch.zeros_like(gradient)]
    return path(make, [[gradient]], start)[0][0][0]


def polar(gradient):
    left, _, right = torch.linalg.svd(gradient, full_matrices=False)
    return left @ right


def cosine(one, other):
    return ((one * other).sum() / one.norm() / other.norm()).item()


@pytest.mark.parametrize("shape", [(6, 6), (8, 3), (3, 8)])
@pytest.mark.parametrize("name", ["shampoo", "shampoo_sum", "shampoo_ema", "shampoo_graft"])
def test_shampoo_s_first_step_is_the_polar_factor(name, shape):
    gradient = draw(1, [shape])[0]
    step = step_of(recipe(name), gradient)
    # eps 1e-6 moves singular values s by eps / (2 s^2) of themselves
    assert cosine(-step, polar(gradient)) > 0.9999
    if name == "shampoo_graft":
        # Adam's first step has entries of one size, the rate
        torch.testing.assert_close(
            step.norm(), torch.tensor(rate_of(name) * gradient.numel() ** 0.5), rtol=1e-6, atol=0
        )


def test_shampoo_with_exponent_half_inverts_the_gradient():
    gradient = draw(1, [(6, 6)])[0]
    left, values, right = torch.linalg.svd(gradient)
    expected = -rate_of("shampoo_half") * left @ torch.diag(values / (values**2 + 1e-3)) @ right
    # eigenvalues of products lose eps * cond(G)^2 < 1e-11
    torch.testing.assert_close(step_of(recipe("shampoo_half"), gradient), expected, rtol=0, atol=1e-9)


def test_without_grafting_scalable_shampoo_is_ours():
    """With a memory near 1 it sums, with a small weight, whose root its rate undoes."""
    gradients, start, memory = gradients_of(8, SHAPES[:2]), draw(0)[:2], 1 - 1e-12
    weight = 1 - memory
    plain_one = {
        "graft_type": 0,
        "nesterov": False,
        "start_preconditioning_step": 1,
        "preconditioning_compute_steps": 1,
    }
    options = {"betas": (0.0, memory), "matrix_eps": 1e-3 * weight, "use_svd": True, "lr": 0.01 * weight**0.5}
    theirs, _ = path(recipe("scalable_shampoo", **options, **plain_one), gradients, start)
    ours, _ = path(recipe("shampoo_sum", lr=0.01, momentum=0.0, eps=1e-3, refresh=1), gradients, start)
    # roots of factors with condition below 1e6 by two decompositions, eight steps, and what is forgotten, 8e-12
    assert_same(ours, theirs, atol=1e-9)


BFLOAT16 = 0.06  # of a step's norm: fifteen roundings of 2^-8, all of one sign


@pytest.mark.parametrize("shape", [(8, 8), (16, 6), (6, 16)])
def test_three_muons_take_one_step(shape):
    gradient = draw(2, [shape])[0]
    rate = rate_of("muon")
    step = step_of(recipe("muon"), gradient)
    package = step_of(lambda p: pytorch_optimizer.Muon([{"params": p, "use_muon": True}], lr=rate), gradient)
    for other in (step_of(recipe("torch_muon"), gradient), package):
        assert (step - other).norm() < BFLOAT16 * step.norm()
        assert (step - other).norm() > 1e-6 * step.norm()  # theirs is rounded, whatever the parameters' precision


@pytest.mark.parametrize("shape", [(8, 8), (16, 6), (6, 16)])
def test_scion_is_a_scaled_muon_on_matrices_and_normalized_on_vectors(shape):
    gradient, rate = draw(2, [shape])[0], rate_of("scion")
    expected = step_of(recipe("muon", lr=1.0, momentum=0.0), gradient)
    expected = expected / expected.norm() * step_of(recipe("scion"), gradient).norm()
    assert (step_of(recipe("scion"), gradient) - expected).norm() < BFLOAT16 * expected.norm()
    # singular values near 1, times sqrt(rows / columns)
    spread = torch.linalg.svdvals(step_of(recipe("scion"), gradient)) / (rate * (shape[0] / shape[1]) ** 0.5)
    assert (spread > 0.6).all() and (spread < 1.3).all()
    vector = draw(3, [(7,)])[0]
    normalized = -rate * vector / (vector**2).mean().sqrt()
    torch.testing.assert_close(step_of(recipe("scion"), vector), normalized, rtol=1e-6, atol=0)


def test_soap_is_adam_in_the_eigenbasis_of_the_first_gradient():
    gradients = gradients_of(10, [(5, 4)])
    first = gradients[0][0]
    left, right = torch.linalg.eigh(first @ first.mT)[1], torch.linalg.eigh(first.mT @ first)[1]
    found, _ = path(recipe("soap"), gradients, [torch.zeros(5, 4)])
    assert not found[0][0].any()
    turned = [[left.mT @ g @ right] for (g,) in gradients[1:]]
    adam = lambda p: torch.optim.Adam(p, lr=rate_of("soap"), betas=(0.95, 0.95), eps=1e-8)
    expected, _ = path(adam, turned, [torch.zeros(5, 4)])
    # the two places of eps 1e-8, where the first gradient's null space has small moments
    assert_same(found[1:], [[left @ w @ right.mT] for (w,) in expected], atol=1e-7)


def test_splus_is_sign_descent_in_the_eigenbasis_and_delivers_an_average():
    gradients, rate = gradients_of(9, [(5, 5)]), rate_of("splus")
    first = gradients[0][0]
    left, right = torch.linalg.eigh(first @ first.mT)[1], torch.linalg.eigh(first.mT @ first)[1]
    found, optimizer = path(recipe("splus"), gradients, [torch.zeros(5, 5)])
    m, w = 0.1 * first, -rate * 2 / 10 * first.sign()
    torch.testing.assert_close(found[0][0], w, rtol=1e-12, atol=0)
    for (g,), (own,) in zip(gradients[1:], found[1:], strict=True):
        m = 0.9 * m + 0.1 * g
        w = w - rate * 2 / 10 * left @ (left.mT @ m @ right).sign() @ right.mT
        # its basis is in float32: vectors turn by 1e-7 over the distance of eigenvalues
        assert (own - w).norm() < 1e-4 * w.norm()
    optimizer.eval()
    *_, average = plain_updates.average_of([w for (w,) in found], 0.999)
    torch.testing.assert_close(optimizer.param_groups[0]["params"][0].detach(), average, rtol=1e-10, atol=1e-12)


def test_kron_learns_to_whiten():
    deviations = torch.tensor([0.1, 1.0, 10.0])
    generator = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    drawn = [[deviations * torch.randn(3, generator=generator)] for _ in range(300)]
    _, optimizer = path(recipe("kron", momentum=0.0), drawn, [torch.zeros(3)])
    ((factor,),) = (state["Q"] for state in optimizer.state.values())
    # steps of a tenth of itself, each from one draw, leave a spread of sqrt(0.1) and its square
    assert ((factor**2 * deviations).log().abs() < 2 * 0.1**0.5).all()


def test_lbfgs_minimizes_a_quadratic():
    matrix = draw(4, [(6, 6)])[0]
    hessian, target = matrix @ matrix.mT + torch.eye(6), draw(5, [(6,)])[0]
    w = torch.nn.Parameter(torch.zeros(6))
    optimizer = recipe("lbfgs", lr=1.0)([w])

    def closure():
        w.grad = hessian @ (w.detach() - target)
        return 0.5 * (w.detach() - target) @ w.grad

    for _ in range(10):
        optimizer.step(closure)
    # it stops when the loss falls by less than 1e-9, and that is at least half of the squared distance
    torch.testing.assert_close(w.detach(), target, rtol=0, atol=5e-5)
