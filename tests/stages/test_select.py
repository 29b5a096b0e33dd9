"""The select stage reads a search and writes each rule's choice."""

import numpy as np

from imprint import store

RULES = {"best": {"validation_loss": "min"}, "matched": {"learning_accuracy": 0.001, "within": 0.0001}}


def test_it_chooses_from_a_search(bench):
    recipe = {"update": "torch.optim:SGD", "sees": "elements", "search": {"lr": [1e-4, 1e3]}}
    fleet = {"stop": {"steps": 12}, "snapshots": {}, "evaluate_every": 6}
    plan = bench.spec("search", recipe, **fleet, seeds=[1000], settings=3, extend=0, select=RULES)
    searched = bench.run("search", plan, data=bench.data())
    found = bench.run("select", bench.coded("select", {"select": RULES}), search=bench.path("search"))
    store.check(found)
    assert found["select"].values.tolist() == ["best", "matched"]
    last = searched["validation_loss"].values[:, 0, -1]
    assert found["chosen"].values.tolist() == [int(np.nanargmin(last)), -1] == [1, -1]
    np.testing.assert_array_equal(found["chosen.hyper.lr"].values, [searched["hyper.lr"].values[1], np.nan])
