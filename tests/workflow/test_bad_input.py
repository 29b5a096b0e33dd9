"""Bad input through the real command: it ends in error, says where and what to do, and spoils nothing."""

import gzip
import shutil

import pytest

pytestmark = pytest.mark.slow

CONFIG, RECIPES = "config.yaml", "recipes.yaml"
IMAGES, LINES = "experiments/images.yaml", "experiments/lines.yaml"
ADAM = "update: torch.optim:Adam\n"
REGISTER = "results/register.jsonl"


PLANNED = {
    "unknown recipe": (IMAGES, "[sgd, adam]", "[sgd, adma]", [IMAGES, "recipes", "'adma'", "'adam'"]),
    "unknown recipe of the study": (CONFIG, "recipes: []", "recipes: [momentun]", [CONFIG, "recipes", "'momentum'"]),
    "unknown probe": (IMAGES, "sparsity:", "sparsty:", [IMAGES, "probes", "'sparsty'", "'sparsity'"]),
    "unknown option of a probe": (IMAGES, "threshold:", "treshold:", [IMAGES, "probes", "'treshold'", "'threshold'"]),
    "unknown task": (IMAGES, "name: classification", "name: clasification", [IMAGES, "task", "'classification'"]),
    "unknown option of a task": (IMAGES, "pool:", "pol:", [IMAGES, "task", "'pol'", "'pool'"]),
    "unknown model": (IMAGES, "name: mlp", "name: mpl", [IMAGES, "task.model", "'mpl'", "'mlp'"]),
    "unknown key": (IMAGES, "evaluate_every:", "evaluate_evry:", [IMAGES, "evaluate_evry", "'evaluate_every'"]),
    "unknown key of a recipe": (RECIPES, "hyper: {eps: 1e-8}", "hypr: {eps: 1e-8}", [RECIPES, "adam.hypr", "'hyper'"]),
    "unknown recipe of a claim": (IMAGES, "[adam, sgd]", "[adam, sdg]", [IMAGES, "claims.same_accuracy", "'sgd'"]),
    "unknown stop of a claim": (IMAGES, "{stop: steps}", "{stop: step}", [IMAGES, "same_accuracy.at.stop", "'steps'"]),
    "negative rate": (RECIPES, "lr: 0.05", "lr: -0.05", [RECIPES, "momentum.hyper", "-0.05", "positive"]),
    "negative end of a search": (RECIPES, "[0.01, 1.0]", "[-0.01, 1.0]", [RECIPES, "sgd.search.lr", "-0.01"]),
    "seeds twice": (IMAGES, '["0-1"]', '["0-1", "1-2"]', [IMAGES, "seeds", "[1]", "twice"]),
    "key twice": (IMAGES, "evaluate_every: 4", "evaluate_every: 4\nseeds: [5]", [IMAGES, "'seeds'", "twice", "line"]),
    "probe without its view": (
        IMAGES,
        "sparsity:",
        "randomized_blocks: {}\n  sparsity:",
        [IMAGES, "probes", "'randomized_blocks'", "'blocks'", "'classification'", "take the probe out"],
    ),
    "unknown study": (CONFIG, "study: tiny", "study: tinny", [CONFIG, "study", "'tinny'", "'tiny'"]),
}


@pytest.mark.parametrize(("file", "old", "new", "words"), PLANNED.values(), ids=PLANNED)
def test_what_planning_can_see_stops_before_any_job(project, file, old, new, words):
    before = project.results()
    project.replace(file, old, new)
    done = project.imprint("study")
    assert done.returncode == 1
    for word in words:
        assert word in done.stdout
    assert "Traceback" not in done.stdout and len(done.stdout.splitlines()) <= 4
    assert project.results() == before


def test_snakemake_alone_says_the_same(project):
    project.replace(IMAGES, "[sgd, adam]", "[sgd, adma]")
    done = project.run("snakemake")
    assert done.returncode == 1
    assert f"{IMAGES}: recipes: 'adma' is not in recipes.yaml; did you mean 'adam'?" in done.stdout


def fails(project, **environment) -> str:
    """Run the study, which must fail and leave every earlier result as it was; return what it says."""
    before, lines = project.results(), (project / REGISTER).read_bytes()
    done = project.imprint("study", **environment)
    assert done.returncode == 1, done.stdout
    after = project.results()
    assert (project / REGISTER).read_bytes().startswith(lines), "claims that are changed too are appended"
    changed = [name for name in before if after.get(name) != before[name] and name != REGISTER]
    assert not changed, f"{changed} were spoiled by\n{done.stdout}"
    assert not [name for name in after if ".part" in name]
    return done.stdout


def test_misspelled_hyper_parameter(project):
    units = project.units()
    project.replace(RECIPES, "eps:", "epps:")
    said = fails(project)
    assert "'epps'" in said and "did you mean 'eps'?" in said and "betas" in said
    assert "adam'" in said, "the recipe is named"
    assert RECIPES in said, "the file is named"
    assert set(project.units() - units) <= {"plan"}, "nothing trains"


def test_optimizer_class_that_does_not_exist(project):
    units = project.units()
    project.replace(RECIPES, ADAM, ADAM.replace("Adam", "Adamm"))
    project.replace(IMAGES, "[sgd, adam]", "[sgd, adam, momentum]")
    said = fails(project)
    assert "'torch.optim:Adamm'" in said and "'Adam'" in said
    assert "adam'" in said, "the recipe is named"
    assert RECIPES in said, "the file is named"
    made = project.units() - units
    made.pop("plan", None)
    assert made == {"recipe": 1, "train": 2, "probe": 4}, "the other recipe goes on, this one stops"
    assert not [path for stage in ("recipe", "search", "train") for path in project.stores(stage, "*Adamm")]


def test_optimizer_module_that_does_not_exist(project):
    project.replace(RECIPES, ADAM, "update: her_package.module:Her\n")
    said = fails(project)
    assert "her_package" in said and "cannot import" in said


def test_truncated_store(project):
    broken = project.stores("train", "separable")[0]
    whole = broken.read_bytes()
    broken.write_bytes(whole[: len(whole) // 2])
    project.replace(LINES, "probes: [margins]", "probes: [margins, distance]")
    said = fails(project)
    assert f"{broken.relative_to(project.folder)}: truncated" in said and "delete this file and run again" in said
    assert "Traceback" not in said
    broken.unlink()
    project.study()
    assert broken.read_bytes() == whole, "made again, the same"


def test_store_with_another_content(project):
    one, other = project.stores("train", "classification-SGD")[:2]
    one.write_bytes(one.read_bytes().replace(b"array_digests", b"array_digestz"))
    other.write_bytes(b"no store at all")
    project.replace(IMAGES, "sparsity:", "distance: {}\n  sparsity:")
    said = fails(project)
    for file in (one, other):
        assert f"{file.relative_to(project.folder)}: " in said


def test_corrupt_mnist_file(project, tmp_path):
    folder = tmp_path / "data/mnist"
    folder.mkdir(parents=True)
    for kind in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"):
        (folder / f"{kind}-ubyte.gz").write_bytes(gzip.compress(b"not the digits"))
    units = project.units()
    project.replace(IMAGES, "data: digits", "data: mnist")
    said = fails(project, IMPRINT_DATA=str(tmp_path / "data"))
    assert f"{folder}/" in said and "-ubyte.gz is corrupt" in said and "delete it" in said
    assert set(project.units() - units) <= {"plan"}


def test_failed_publishing_keeps_what_was_published(project):
    """Someone's file lies where the figures go; report, claims and index of the last study stay."""
    project.append("src/imprint/report/report.css", "/* another */\n")
    shutil.rmtree(project / "results/tiny/figures")
    (project / "results/tiny/figures").write_text("a file of someone")
    before = project.results()
    done = project.imprint("study")
    assert done.returncode == 1 and "publish" in done.stdout
    after = project.results()
    for name in ("report.html", "claims.csv", "index.csv", "atlas.zarr/zarr.json"):
        assert after.get(f"results/tiny/{name}") == before[f"results/tiny/{name}"], name


def test_what_a_killed_publishing_left_half_written_is_removed(project):
    """A process that is killed cannot remove the file that it was about to put in its place."""
    left = project / "results/tiny/.index.csv.4711.part"
    left.write_text("digest,sta")
    for receipt in project.stores("publish"):
        receipt.unlink()
    project.study()
    assert project.units()["publish"] and not left.exists()
    assert not list((project / "results").rglob("*.part"))
