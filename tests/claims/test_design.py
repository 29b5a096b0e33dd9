"""Designs: which terms their axes give, which tasks share one, and which experiments show their shares."""

import itertools

import pytest

from imprint.claims import design
from imprint.claims.design import RESIDUAL, Design

CROSSED = Design(("optimizer", "rate", "init", "order"))


def test_the_crossed_design_has_its_known_terms():
    assert CROSSED.terms == {
        "optimizer": ("optimizer",),
        "rate": ("optimizer", "rate"),
        "init": ("init",),
        "order": ("order",),
        "optimizer x init": ("optimizer", "init"),
        "optimizer x order": ("optimizer", "order"),
        "rate x init": ("optimizer", "rate", "init"),
        "rate x order": ("optimizer", "rate", "order"),
        "init x order": ("init", "order"),
        "optimizer x init x order": ("optimizer", "init", "order"),
        "residual": ("optimizer", "rate", "init", "order"),
    }
    assert CROSSED.seeds == ("init", "order") and CROSSED.label(CROSSED.axes) == "rate x init x order"


@pytest.mark.parametrize(
    ("axes", "count"),
    [
        (("optimizer", "seed"), 3),
        (("task", "optimizer", "seed"), 7),  # 2^3 - 1
        (("rate", "init", "order"), 7),  # one optimizer: its rates are crossed as any axis
        (("task", "optimizer", "setting", "seed"), 11),  # 2 x 3 x 2 - 1
        (("task", "optimizer", "rate", "init", "order"), 23),
    ],
)
def test_terms_are_all_interactions_and_inner_ones_come_first(axes, count):
    made = Design(axes)
    terms = list(made.terms.values())
    assert len(terms) == len(set(terms)) == count and terms[-1] == axes and list(made.terms)[-1] == RESIDUAL
    for first, second in itertools.combinations(terms, 2):
        assert not set(second) < set(first)


def experiments(**changes):
    """Four tasks of one experiment, and another experiment."""
    plain = {"recipes": ["sgd", "adam"], "seeds": [0, 1, 2], "stop": {"steps": {}}, "select": {}, "task": {}}
    made = {name: dict(plain) for name in ("x.a", "x.b", "x.c", "x.d", "xx")}
    for name, change in changes.items():
        made[name.replace("_", ".")] |= change
    return made


def test_tasks_with_the_same_recipes_seeds_and_modes_share_a_design():
    made = experiments(x_b={"recipes": ["adam", "sgd"]}, x_d={"stop": {"steps": {"epochs": 3}}})
    assert design.related(made, "x.a") == ["x.a", "x.c", "x.d"] == design.related(made, "x.d")
    assert design.related(made, "x.b") == ["x.b"]
    assert design.related(made, "xx") == ["xx"]


@pytest.mark.parametrize(
    "change",
    [{"seeds": [3, 4, 5]}, {"stop": {"loss": {}}}, {"select": {"best": {}}}, {"task": {"order": 0}}],
)
def test_tasks_that_differ_in_one_of_them_do_not(change):
    assert design.related(experiments(x_b=change), "x.a") == ["x.a", "x.c", "x.d"]


def test_shown_once_and_only_with_enough_recipes_and_seeds():
    made = experiments(x_b={"seeds": [0, 1]}, xx={"recipes": ["sgd"]})
    assert [name for name in made if design.drawn(made, name)] == ["x.a"]


def test_one_word_for_all_recipes_is_one_optimizer_with_settings():
    assert design.optimizers(["sam_narrow", "sam_wide"]) == {"sam_narrow": ("sam", 0), "sam_wide": ("sam", 1)}
