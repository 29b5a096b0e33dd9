"""What a run of the whole workflow left, as `imprint.open` reads it."""

import pytest
import torch

import imprint

pytestmark = pytest.mark.slow


def test_a_published_study_is_read(finished):
    before = finished.results()
    study = imprint.open(finished / "results/tiny")
    assert study.experiments.index.tolist() == ["images", "lines"]

    at = {"stop": "steps"}
    (row,) = study.compare("adam", "sgd", at, measures="performance.test_accuracy").table.to_dict("records")
    (claim,) = study.claims[study.claims["claim"] == "same_accuracy"].to_dict("records")
    assert (row["estimate"], row["sd"], row["n"]) == (claim["estimate"], claim["sd"], claim["n"])
    assert "n below test: 2 pairs" in row["flags"] and "n below test: 2 pairs" in claim["flags"]

    solution = study.solution("images", "adam", stop="early")
    x, y = solution.examples("test", seed=1)
    with torch.no_grad():
        accuracy = (solution.module("best", seed=1)(x).argmax(-1) == y).double().mean().item()
    measured = study.atlas["images/performance"]["test_accuracy"]
    place = {"stop": "early", "select": "best", "recipe": "adam", "seed": 1, "snapshot": "final"}
    assert accuracy == measured.sel(place).item()
    assert finished.results() == before, "reading writes nothing"
