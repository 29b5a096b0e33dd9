"""What a person sees of a run, with the real Snakemake."""

import re

import pytest

ADAM, MUON = "digits-adam-8f3a09c1d2", "digits-muon-0a1b2c3d4e"
ESCAPE = "\x1b"
SECONDS = r"\d+(\.\d)? s"


def test_success_is_one_line_per_job_and_a_summary(pipeline):
    done = pipeline.write([ADAM, MUON]).run()
    assert done.status == 0 and done.stdout == ""
    lines = done.stderr.splitlines()
    assert lines[0] == "5 jobs: train 2, probe 2, all 1"
    jobs = [line for line in lines if line.startswith("[")]
    assert [line[:5] for line in jobs] == [f"[{n}/5]" for n in range(1, 6)]
    for stage in ("train", "probe"):
        for unit in (ADAM, MUON):
            (line,) = [line for line in jobs if f" {stage} {unit} " in line]
            assert re.search(rf"{unit}  {SECONDS}", line)
    assert re.fullmatch(rf"5 of 5 jobs done in {SECONDS}", lines[lines.index("") + 1])
    assert re.search(rf"^  train  2 of 2 jobs, {SECONDS} wall time, {SECONDS} each$", done.stderr, re.M)
    assert "failed" not in done.stderr


@pytest.mark.slow
def test_plain_output_has_no_control_character_even_where_logs_have(pipeline):
    train = r"""printf '\033[31mred\033[0m 10%%\r 20%%\r done\a\n'; exit 1"""
    done = pipeline.write([ADAM], train).run()
    assert done.status == 1
    assert "    |  done\n" in done.stderr
    assert not [character for character in done.stderr if ord(character) < 32 and character != "\n"]


def test_failure_shows_the_log_its_end_and_the_exit_status(pipeline):
    train = 'case "$1" in *muon*) seq 40; echo "ValueError: lr must be positive"; exit 3;; esac; touch "$2"'
    done = pipeline.write([ADAM, MUON], train).run("--keep-going")
    assert done.status == 1
    assert re.search(rf"FAILED train {MUON} after {SECONDS}: exit status 3\n", done.stderr)
    told = done.stderr.partition("FAILED")[2].splitlines()
    assert told[1] == f"  log: logs/train/{MUON}.log (last 15 lines)"
    assert told[2:17] == [f"    | {n}" for n in range(27, 41)] + ["    | ValueError: lr must be positive"]
    assert f"failed: train {MUON}  logs/train/{MUON}.log" in done.stderr.splitlines()[-1]
    assert re.search(rf"2 of 5 jobs done in {SECONDS}, 1 failed, 2 not started", done.stderr)
    assert "RuleException" not in done.stderr and "WorkflowError" not in done.stderr


@pytest.mark.slow
def test_a_kill_is_named(pipeline):
    done = pipeline.write([ADAM], "kill -9 $$").run()
    assert "exit status 137 (SIGKILL)" in done.stderr


@pytest.mark.slow
def test_the_whole_log_and_the_command_on_request(pipeline):
    done = pipeline.write([ADAM], "seq 40; exit 1").run("--show-failed-logs", "--printshellcmds")
    assert f"  command: bash train.sh {ADAM}" in done.stderr
    assert "(whole log)\n    | 1\n    | 2\n" in done.stderr


@pytest.mark.slow
def test_a_second_attempt_that_works_is_no_failure(pipeline):
    train = 'if [ -e tried ]; then touch "$2"; else touch tried; exit 1; fi'
    done = pipeline.write([ADAM], train, retries=1).run()
    assert done.status == 0
    assert f"FAILED train {ADAM}" in done.stderr and f"trying again: train {ADAM}" in done.stderr
    assert re.search(rf"^3 of 3 jobs done in {SECONDS}$", done.stderr, re.M)
    assert not re.search("^failed:", done.stderr, re.M)


@pytest.mark.slow
def test_missing_output_is_a_failure_of_its_job(pipeline):
    done = pipeline.write([ADAM], "echo forgot the output").run()
    assert done.status == 1
    assert re.search(rf"FAILED train {ADAM} after {SECONDS}: Job \d+ +completed successfully, but", done.stderr)
    assert "    | forgot the output" in done.stderr
    assert f"failed: train {ADAM}" in done.stderr


@pytest.mark.slow
def test_dry_run_gives_number_and_reasons_by_stage(pipeline):
    pipeline.write([ADAM]).run()
    (pipeline.folder / f"results/store/probe/{ADAM}.zarr.zip").unlink()
    done = pipeline.write([ADAM, MUON]).run("--dry-run")
    assert done.status == 0 and done.stderr == ""
    head, *stages = done.stdout.strip().split("\n\n")
    assert head == "would run 4 jobs: train 1, probe 2, all 1"
    train, probe, target = (stage.splitlines() for stage in stages)
    assert train == ["train: 1 job", f"  {MUON}: Missing output files: results/store/train/{MUON}.zarr.zip"]
    assert probe[0] == "probe: 2 jobs"
    assert {line.split(": ")[0].strip() for line in probe[1:]} == {ADAM, MUON}
    assert all("Missing output files: " in line for line in probe[1:])
    assert target[0] == "all: 1 job" and target[1].startswith("  all: Input files updated by another job")


@pytest.mark.slow
def test_nothing_to_do_is_one_line(pipeline):
    pipeline.write([ADAM]).run()
    line = "nothing to do: all results are there and up to date\n"
    assert pipeline.run().stderr == line
    assert pipeline.run("--dry-run").stdout == line


@pytest.mark.slow
def test_nothing_to_do_without_snakemakes_own_records(pipeline):
    pipeline.write([ADAM]).run("--drop-metadata")
    assert pipeline.run().stderr == "nothing to do: all results are there and up to date\n"


def test_an_error_before_any_job_is_shown(pipeline):
    done = pipeline.write([ADAM]).run("results/store/probe/no-such.txt")
    assert done.status == 1
    assert "MissingRuleException" in done.stderr and "jobs done" not in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("quiet", ["all", "rules", "progress"])
def test_quiet_hides_lines_and_never_failures(pipeline, quiet):
    train = 'case "$1" in *muon*) exit 1;; esac; touch "$2"'
    stderr = pipeline.write([ADAM, MUON], train).run("--quiet", quiet, "--keep-going").stderr
    assert not re.search(r"^\[\d/5\] (probe|train)", stderr, re.M)
    assert f"FAILED train {MUON}" in stderr
    assert stderr.splitlines()[-1] == f"failed: train {MUON}  logs/train/{MUON}.log"
    assert ("2 of 5 jobs done" in stderr) is (quiet == "rules")


def test_quiet_dry_run_gives_the_numbers(pipeline):
    assert pipeline.write([ADAM]).run("--dry-run", "--quiet").stdout.split("\n\n")[1:3] == [
        "train: 1 job",
        "probe: 1 job",
    ]


@pytest.mark.slow
def test_terminal_shows_a_live_status_and_then_takes_it_away(pipeline):
    # 1 s: four redraws at 4 per second, so the status is seen while jobs run
    done = pipeline.write([ADAM, MUON], 'sleep 1; touch "$2"').run_in_terminal()
    assert done.status == 0
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", done.stdout)
    assert re.search(rf"  running  train  {ADAM} +{SECONDS}", text)
    assert re.search(r"0 of 5 jobs  \S+ +" + SECONDS, text)
    assert "  left     train 2, probe 2" in text
    assert re.search(r"\[\d/5\] train .* left", text)
    assert f"{ESCAPE}[2K" in done.stdout
    assert done.stdout.rindex(f"{ESCAPE}[?25h") > done.stdout.rindex(f"{ESCAPE}[?25l"), "the cursor is back"
    after = done.stdout[done.stdout.rindex(f"{ESCAPE}[?25h") :]
    assert re.search(rf"5 of 5 jobs done in {SECONDS}", after) and "running" not in after


@pytest.mark.slow
def test_terminal_tells_a_failure_at_once(pipeline):
    train = 'case "$1" in *muon*) echo broken; exit 1;; esac; sleep 1.5; touch "$2"'
    done = pipeline.write([ADAM, MUON], train).run_in_terminal("--keep-going")
    assert done.status == 1
    assert done.stdout.index(f"FAILED train {MUON}") < done.stdout.index(f"train {ADAM}  ")
    assert "1 failed" in done.stdout and "    | broken" in done.stdout


@pytest.mark.slow
def test_a_terminal_that_cannot_redraw_gets_plain_lines(pipeline):
    done = pipeline.write([ADAM]).run_in_terminal(term="dumb")
    assert done.status == 0 and ESCAPE not in done.stdout
