"""The register: orders of events whose answer is known, and no line is ever lost."""

import json
import multiprocessing
import re
import sys
from pathlib import Path

import pytest

from imprint import code_version, plan, register
from imprint.stages import freeze

sys.path.insert(0, str(Path(__file__).parent))
import study_example  # noqa: E402


class Bench(study_example.Project):
    """A study whose measurements appear when a test says so."""

    @property
    def results(self) -> Path:
        """Where results are."""
        return self.root / "results"

    def measure(self, *words: str) -> None:
        """Put a file where each measurement goes whose label has all of these words."""
        for unit in self.plan().units["probe"].values():
            if all(word in re.split(r"[ :]+", unit.label) for word in words):
                (self.root / unit.path).parent.mkdir(parents=True, exist_ok=True)
                (self.root / unit.path).touch()

    def run(self, name: str | None = None) -> dict[str, dict]:
        """Start the study; return the lines by the names of their claims."""
        register.record(plan.frozen(self.plan(name)), self.results)
        return self.lines()

    def lines(self) -> dict[str, dict]:
        """Lines of the register by the names of their claims, the last one of a name."""
        return {line["name"]: line for line in register.read(self.results / register.NAME).values()}

    def freeze(self, monkeypatch) -> None:
        """Write the plan down as the study does."""
        unit, _ = self.plan().units["plan"].values()
        with monkeypatch.context() as here:
            here.chdir(self.root)
            freeze.main(["--study", "quick", "--out", unit.path])


CLAIM = "toy.adam_is_better"


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path / "study")


def test_a_claim_before_its_measurements(bench):
    lines = bench.run()
    assert list(lines) == [CLAIM, "toy.solved"]
    line = lines[CLAIM]
    assert (line["post_hoc"], line["measured"], line["measurements"], line["seeds"]) == (False, [], 4, 3)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", line["seen"])
    assert line["study"] == "quick"


def test_measurements_that_come_later_change_nothing(bench):
    bench.run()
    before = (bench.results / register.NAME).read_bytes()
    bench.measure("performance")
    assert not bench.run()[CLAIM]["post_hoc"]
    assert (bench.results / register.NAME).read_bytes() == before


def test_a_claim_after_its_measurements(bench):
    bench.run()
    bench.measure("performance")
    bench.claim["expect"] = {"greater_by": 0.05}
    line = bench.run()[CLAIM]
    assert line["post_hoc"] and len(line["measured"]) == 4
    assert line["measured"] == sorted(
        Path(unit.path).name
        for unit in bench.plan().units["probe"].values()
        if unit.label.endswith(": performance") and "plain" not in unit.label
    )


def test_back_to_the_claim_that_came_before(bench):
    bench.run()
    bench.measure("performance")
    bench.claim["expect"] = {"greater_by": 0.05}
    bench.run()
    bench.claim["expect"] = {"greater_by": 0.1}
    lines = bench.run()
    assert len(register.read(bench.results / register.NAME)) == 3
    by_hash = register.read(bench.results / register.NAME)
    assert not by_hash[plan.declared(bench.load())[0]["claim"]]["post_hoc"]
    assert not lines["toy.solved"]["post_hoc"]


def test_another_label_is_no_new_claim(bench):
    bench.run()
    bench.measure("performance")
    before = (bench.results / register.NAME).read_bytes()
    bench.claim["says"] = "Adam is much better."
    bench.run()
    assert (bench.results / register.NAME).read_bytes() == before


def test_measurements_of_another_probe_do_not_count(bench):
    bench.measure("activation_rank")
    assert not any(line["post_hoc"] for line in bench.run().values())


def test_one_side_of_a_contrast_tells_nothing_and_both_do(bench):
    bench.measure("adam", "performance")
    lines = bench.run()
    assert not lines[CLAIM]["post_hoc"] and len(lines[CLAIM]["measured"]) == 2
    assert lines["toy.solved"]["post_hoc"]  # a value of one recipe is a value
    bench.measure("sgd", "performance")
    bench.claim["expect"] = {"greater_by": 0.05}
    assert bench.run()[CLAIM]["post_hoc"]


def test_one_block_of_seeds_is_enough(bench):
    bench.measure("2", "performance")
    line = bench.run()[CLAIM]
    assert line["post_hoc"] and (len(line["measured"]), line["measurements"]) == (2, 4)


def test_measurements_under_another_rule_do_not_count(bench):
    bench.toy["stop"]["longer"] = {"epochs": 3}
    bench.measure("steps", "performance")
    bench.claim["at"] = {"stop": "longer"}
    assert not bench.run()[CLAIM]["post_hoc"]
    bench.claim["at"] = [{"stop": "longer"}, {"stop": "steps"}]
    assert bench.run()[CLAIM]["post_hoc"]


def test_measurements_that_earlier_code_made_count(bench, monkeypatch):
    bench.run()
    bench.freeze(monkeypatch)
    bench.measure("performance")
    real = code_version.version

    def other_code(*given):
        found = real(*given)
        return {**found, "sources": dict.fromkeys(found["sources"], "00000000")}

    monkeypatch.setattr(code_version, "version", other_code)
    assert not any((bench.root / unit.path).exists() for unit in bench.plan().units["probe"].values())
    bench.claim["expect"] = {"greater_by": 0.05}
    assert bench.run()[CLAIM]["post_hoc"]


def test_other_data_are_a_new_question(bench):
    bench.measure("performance")
    bench.toy["task"]["limit"] = 200
    assert not bench.run()[CLAIM]["post_hoc"]


def test_studies_share_the_register_as_they_share_measurements(bench):
    bench.run()
    bench.measure("performance")
    before = (bench.results / register.NAME).read_bytes()
    bench.run("core")
    assert (bench.results / register.NAME).read_bytes() == before


def test_nothing_is_written_where_nothing_is_new(bench):
    bench.run()
    file = bench.results / register.NAME
    file.chmod(0o444)
    stamp = file.stat().st_mtime_ns
    bench.run()
    assert file.stat().st_mtime_ns == stamp


def test_a_line_without_its_end_is_written_again(bench):
    """The machine stopped in the middle of the last line: what was complete stays, byte for byte."""
    bench.run()
    file = bench.results / register.NAME
    whole = file.read_bytes()
    file.write_bytes(whole[:-20])
    first = whole.splitlines(keepends=True)[0]
    assert list(bench.lines()) == [CLAIM]
    bench.run()
    assert file.read_bytes().startswith(first)
    assert len(file.read_bytes().splitlines()) == 2
    assert list(bench.lines()) == [CLAIM, "toy.solved"]


@pytest.mark.parametrize("text", ["no json\n", "[1]\n", '{"name": "x"}\n', "\n"])
def test_a_line_that_is_none_is_named(bench, text):
    bench.run()
    file = bench.results / register.NAME
    before = file.read_text()
    file.write_text(before + text)
    with pytest.raises(register.RegisterError, match=r"register\.jsonl: line 3 is no line of a register"):
        register.read(file)
    bench.claim["expect"] = {"greater_by": 0.05}
    with pytest.raises(register.RegisterError):
        bench.run()
    assert file.read_text() == before + text


def test_a_claim_twice_is_named(bench):
    bench.run()
    file = bench.results / register.NAME
    file.write_text(file.read_text() + file.read_text().splitlines()[0] + "\n")
    with pytest.raises(register.RegisterError, match=r"line 3: claim '\w{10}' has a line already"):
        register.read(file)


def _record(work: tuple[dict, Path]) -> None:
    register.record(*work)


@pytest.mark.slow
def test_many_invocations_at_once_lose_nothing_and_repeat_nothing(tmp_path):
    """Eight processes with overlapping claims: every claim has one whole line."""

    def claims(k):
        names = range(5 * k, 5 * k + 40)
        listed = [
            {
                "claim": f"{n:010x}",
                "name": f"c{n}",
                "seeds": 8,
                "probes": ["p"],
                "stops": ["s"],
                "sides": [[["e", "r"]]],
            }
            for n in names
        ]
        return {"study": f"s{k}", "claims": listed, "places": []}

    with multiprocessing.get_context("spawn").Pool(8) as pool:
        pool.map(_record, [(claims(k), tmp_path / "results") for k in range(8)], chunksize=1)
    lines = (tmp_path / "results" / register.NAME).read_text().splitlines()
    found = [json.loads(line)["claim"] for line in lines]
    assert len(found) == len(set(found)) == 75
    assert register.read(tmp_path / "results" / register.NAME).keys() == set(found)
