"""An optimizer that raises in the middle, that returns NaN, that takes memory until its limit."""

import resource

import pytest

from imprint import store
from imprint.labels import STATUS

pytestmark = pytest.mark.slow

LIMIT = 6 * 2**30


def of_hers(bench, stage):
    """Choose a unit of her optimizer."""
    bench.unit = bench.rng.choice([file for file in bench.files(stage) if "-Hers-" in file.name])
    bench.forget()


def test_optimizer_raises(bench, stage, outcome):
    """The message names the optimizer's file; once it is mended, only what failed is computed."""
    of_hers(bench, stage)
    (bench.project / "fault").write_text(f"raise {2 if stage == 'recipe' else bench.rng.randrange(3, 20)}")
    bench.refuses("her optimizer gave up", "recipes.yaml" if stage == "recipe" else "hers.py, line ")
    (bench.project / "fault").unlink()
    bench.recovers()
    outcome("refused")


def test_optimizer_takes_all_memory(bench, stage, outcome):
    of_hers(bench, stage)
    (bench.project / "fault").write_text(f"leak {bench.rng.randrange(3, 20)}")
    limited = bench.start("warm", preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (LIMIT, LIMIT)))
    assert limited.ends() == 1, limited.text
    assert "out of memory, of which 6144 MiB are allowed" in limited.text and "raise the limit" in limited.text
    (bench.project / "fault").unlink()
    bench.recovers()
    outcome("refused")


def test_optimizer_returns_nan_at_once(bench, stage, outcome):
    bench.goal = ""
    bench.project.replace("recipes.yaml", "hers:Hers\n", "hers:Hers\n  hyper: {nan_at: 0}\n")
    bench.refuses("recipes.yaml", "hers' diverges within 3 steps")
    outcome("refused")


def test_optimizer_returns_nan_in_the_middle(bench, stage, outcome):
    """Her replicas are recorded as diverged; the other recipe's results are used as they are."""
    before = {name: stamp for name, stamp in bench.stamps().items() if name.endswith(".zarr.zip")}
    step = bench.rng.randrange(4, 30)
    bench.goal = ""
    bench.project.replace("recipes.yaml", "hers:Hers\n", f"hers:Hers\n  hyper: {{nan_at: {step}}}\n")
    run = bench.start("warm")
    assert run.ends() == 0, run.text
    assert {name: stamp for name, stamp in bench.stamps().items() if name in before} == before
    (made,) = [file for file in bench.files("train") if file.name not in before]
    assert (store.read(made)["status"] == STATUS["diverged"]).all()
    outcome("survived")
