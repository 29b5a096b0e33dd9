"""``imprint verify``: two results trees are equal, or what differs is named."""

import csv

import numpy as np
import pytest
import xarray as xr

from imprint import cli, store
from imprint.claims import table
from imprint.compare import Tolerance
from imprint.stages.publish import INDEX

ROW = {
    "experiment": "toy", "claim": "better", "kind": "claim", "says": "", "recipes": "adam - sgd", "where": "",
    "measure": "performance.test_accuracy", "mode": "steps/best/final", "expect": "greater_by 0.1",
    "verdict": "supported", "beyond": False, "estimate": 0.2, "low": 0.1, "high": 0.3, "margin": 0.1, "p": 0.01,
    "p_adjusted": 0.01, "p_holm": 0.01, "n": 8, "pairs_declared": 8, "family": 1, "sd": 0.1, "effect": 2.0,
    "bca_low": np.nan, "bca_high": np.nan, "unit": "1", "flags": "", "source": "none",
}  # fmt: skip
WEIGHTS = np.linspace(-2.0, 2.0, 12).reshape(3, 4)


class Tree:
    """A results folder with one published study of two stores."""

    def __init__(self, folder):
        self.folder = folder
        self.rows = [dict(ROW), {**ROW, "claim": "solved", "recipes": "sgd", "low": -np.inf}]
        self.arrays = {"train": {"w": WEIGHTS, "status": np.array(["ok"] * 3)}, "probe": {"rank": np.array([1.5])}}
        self.study = "quick"

    def write(self):
        """Write it, with digests in names as if each folder were of another machine."""
        published = self.folder / self.study
        published.mkdir(parents=True, exist_ok=True)
        table.write(table.frame(self.rows), published / "claims.csv")
        with open(published / "index.csv", "w", newline="") as handle:
            writer = csv.DictWriter(handle, INDEX)
            writer.writeheader()
            for stage, arrays in self.arrays.items():
                file = f"results/store/{stage}/toy-{abs(hash(str(self.folder))) % 10**10:010d}.zarr.zip"
                about = {"long_name": "x", "units": "1"}
                data = {
                    name: ([f"{name}_{axis}" for axis in range(values.ndim)], values, about)
                    for name, values in arrays.items()
                }
                store.write(xr.Dataset(data), self.folder.joinpath(*file.split("/")[1:]))
                labels = {"experiment": "toy", "recipe": "sgd", "stop": "steps", "seeds": "0-7"}
                probe = "effective_rank" if stage == "probe" else ""
                writer.writerow({"stage": stage, "digest": "0", "file": file, "probe": probe, "fields": "{}", **labels})
        return self.folder


@pytest.fixture
def trees(tmp_path):
    return Tree(tmp_path / "a" / "results"), Tree(tmp_path / "b" / "copied")


@pytest.fixture
def verify(trees, capsys):
    def command(*options):
        status = cli.main(["verify", *(str(tree.write()) for tree in trees), *options])
        out, err = capsys.readouterr()
        return status, out.splitlines(), err

    return command


def test_equal_trees(verify, trees):
    status, lines, err = verify()
    assert (status, err) == (0, "")
    one, other = (tree.folder / "quick" for tree in trees)
    assert lines == [
        f"study quick: {one}, {other}",
        "verdicts: 2 of 2 equal",
        "estimates and intervals: 2 of 2 within 0.001 of their size + 1e-06",
        "arrays of train: 2 of 2 equal bit for bit",
        "arrays of probe: 1 of 1 equal bit for bit",
        "equal",
    ]
    assert verify("--exact")[0] == 0


def test_published_folders_may_be_given_and_called_otherwise(trees, capsys):
    trees[1].study = "core"
    folders = [str(tree.write() / tree.study) for tree in trees]
    assert cli.main(["verify", *folders]) == 0
    assert capsys.readouterr().out.startswith("study quick and core: ")


def test_a_verdict_that_differs(verify, trees):
    trees[1].rows[0]["verdict"] = "inconclusive"
    status, lines, _ = verify()
    assert (status, lines[1]) == (1, "verdicts: 1 of 2 equal")
    said = "toy better adam - sgd performance.test_accuracy steps/best/final"
    assert lines[2] == f"  {said}: supported, inconclusive"
    assert lines[-1] == "different"


@pytest.mark.parametrize("name", ["estimate", "low", "high"])
def test_an_estimate_beyond_the_tolerance(verify, trees, name):
    trees[1].rows[0][name] *= 1.01
    status, lines, _ = verify()
    assert (status, lines[2]) == (1, "estimates and intervals: 1 of 2 within 0.001 of their size + 1e-06")
    assert lines[3].endswith(f": {name} {ROW[name]:.6g}, {ROW[name] * 1.01:.6g}")
    assert verify("--relative", "0.02")[0] == 0
    assert verify("--absolute", "0.02")[0] == 0


def test_an_estimate_within_the_tolerance(verify, trees):
    trees[1].rows[0]["estimate"] *= 1.0005
    assert verify()[0] == 0


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.1])
def test_an_interval_without_end_is_equal_to_itself_only(verify, trees, value):
    trees[1].rows[1]["low"] = value
    status, lines, _ = verify("--absolute", "1e9")
    assert status == 1 and lines[3].endswith(f": low -inf, {value:.6g}")


@pytest.mark.parametrize("which", [0, 1])
def test_a_claim_in_one_tree_only(verify, trees, which):
    del trees[1 - which].rows[0]
    status, lines, _ = verify()
    assert status == 1
    assert lines[3].startswith("  toy better ") and lines[3].endswith(f": in {trees[which].folder / 'quick'} only")


def test_arrays_that_differ_are_named_and_do_not_count_unless_asked(verify, trees):
    trees[1].arrays["train"]["w"] = WEIGHTS + np.eye(3, 4) * 2e-6
    status, lines, _ = verify()
    assert status == 0
    assert "arrays of train: 1 of 2 equal bit for bit" in lines
    assert "  toy sgd steps 0-7: w: 1e-06 of its largest value apart" in lines
    status, lines, _ = verify("--exact")
    assert (status, lines[-1]) == (1, "different")


def test_the_last_bit_counts(verify, trees):
    changed = WEIGHTS.copy()
    changed[0, 0] = np.nextafter(changed[0, 0], 0)
    trees[1].arrays["train"]["w"] = changed
    assert verify("--exact")[0] == 1


@pytest.mark.parametrize(
    "other",
    [WEIGHTS[:2], np.array(["x"]), np.where(WEIGHTS > 1, np.nan, WEIGHTS), np.where(WEIGHTS > 1, np.inf, WEIGHTS)],
    ids=["shape", "text", "nan", "infinite"],
)
def test_arrays_that_cannot_be_subtracted(verify, trees, other):
    trees[1].arrays["train"]["w"] = other
    lines = verify()[1]
    assert "  toy sgd steps 0-7: w: another shape, or values of another kind" in lines


def test_an_array_of_one_store_only(verify, trees):
    del trees[1].arrays["train"]["w"]
    lines = verify()[1]
    assert "arrays of train: 1 of 2 equal bit for bit" in lines


@pytest.mark.parametrize("which", [0, 1])
def test_a_store_that_one_tree_does_not_keep(verify, trees, which):
    del trees[which].arrays["probe"]
    status, lines, _ = verify()
    where = trees[which].folder / "quick"
    assert status == 0, "verdicts and estimates are there"
    assert lines[-3:-1] == [
        "arrays of probe: 0 of 0 equal bit for bit",
        f"  toy sgd steps 0-7 effective_rank: not in {where}",
    ]
    assert verify("--exact")[0] == 1


def test_a_damaged_store_is_refused_by_name(trees, capsys):
    folders = [tree.write() for tree in trees]
    (damaged,) = (folders[1] / "store/train").iterdir()
    content = damaged.read_bytes()
    damaged.write_bytes(content[:200] + bytes([content[200] ^ 1]) + content[201:])
    assert cli.main(["verify", *map(str, folders)]) == 1
    assert f"imprint verify: error: {damaged}: " in capsys.readouterr().err


def test_a_folder_without_a_study(trees, tmp_path, capsys):
    assert cli.main(["verify", str(trees[0].write()), str(tmp_path)]) == 1
    assert f"{tmp_path}: no published study; give a folder such as results/quick" in capsys.readouterr().err


def test_a_study_in_one_tree_only(trees, capsys):
    folder, other = (tree.write() for tree in trees)
    trees[0].study = "core"
    trees[0].write()
    assert cli.main(["verify", str(folder), str(other)]) == 1
    assert "core: in one of the two trees only" in capsys.readouterr().err


def test_the_tolerance_at_its_edge():
    assert Tolerance(0.1, 0.5).holds(10.0, 11.666)
    assert not Tolerance(0.1, 0.5).holds(10.0, 11.668)
    assert Tolerance(0, 0).holds(np.nan, np.nan) and not Tolerance(1, 1).holds(np.inf, -np.inf)
