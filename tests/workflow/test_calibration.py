"""The project's own pool, trained and judged by its own code; then judged by code with a bug."""

import re
from pathlib import Path

import pytest
import yaml

from imprint import documents

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


def test_the_pool_of_the_project(fresh):
    config, recipes = documents.load(fresh / "config.yaml"), documents.load(fresh / "recipes.yaml")
    pool = documents.load(ROOT / "config.yaml")["calibration"]
    recipes[pool["recipe"]] = documents.load(ROOT / "recipes.yaml")[pool["recipe"]]
    for file in ("experiments/images.yaml", "experiments/lines.yaml"):
        (fresh / file).write_text(yaml.safe_dump({**documents.load(fresh / file), "seeds": ["0-7"]}, sort_keys=False))
    (fresh / "config.yaml").write_text(yaml.safe_dump({**config, "calibration": pool}, sort_keys=False))
    (fresh / "recipes.yaml").write_text(yaml.safe_dump(recipes, sort_keys=False))

    done = fresh.imprint("calibrate")
    assert done.returncode == 0, done.stdout
    assert re.search(r"judging on 8 seeds: all \d+ figures are in their range", done.stdout)
    units = fresh.units()
    assert units["train"] == 3 and units["calibrate"] == 1 and not units["claims"]
    again = fresh.imprint("calibrate")
    assert "jobs" not in again.stdout and again.stdout.strip() in done.stdout, "it is there already"

    fresh.study()
    assert fresh.units()["train"] > 3 and fresh.units()["calibrate"] == 1
    report = (fresh / "results/tiny/report.html").read_text()
    assert "How far to trust this page" in report and "The judging was calibrated." in report
    assert re.search(r"Verdicts on 8 seeds: all \d+ figures are in their range", report)

    trained = fresh.units()["train"]
    pairing = "return _difference(*means) if len(means) == 2"
    fresh.replace(
        "src/imprint/claims/sides.py", pairing, "means[1:] = [np.roll(m, 1) for m in means[1:]]\n    " + pairing
    )
    broken = fresh.imprint("calibrate")
    assert broken.returncode == 1
    red = [line.strip() for line in broken.stdout.splitlines() if "OUT OF RANGE" in line]
    assert len(red) == len(pool["measures"]) and all("exactly 0" in line for line in red)
    assert fresh.units()["train"] == trained, "nothing was trained again"
