"""Which fault is made at which stages: each where something of its own can go wrong. Every pair is made `TIMES` times.

A stage that is not named shares its way of failing with one that is: `search` trains as `train` does, `recipe` and
`select` compute and write one store as `probe` does, `finding` writes several files as `figure` does.
"""

TIMES = 5
TABLE = {
    # signals, at a random moment of the unit's making
    "stage_killed": ("data", "train", "probe", "claims", "figure", "publish"),
    "stage_terminated": ("train", "gather"),
    "snakemake_killed": ("train", "publish"),
    "snakemake_terminated": ("train", "figure"),
    "what_started_snakemake_killed": ("train",),
    "all_terminated": ("train", "publish"),
    # files that are not what was written
    "file_cut": ("select", "plan", "gather", "claims", "figure"),
    "file_with_a_flipped_bit": ("probe", "plan", "gather", "claims", "report"),
    "store_in_the_place_of_another": ("data", "probe"),
    "published_file_damaged": ("publish",),
    "checkpoint_cut": ("search", "train"),
    "checkpoint_with_a_flipped_bit": ("train",),
    # an optimizer
    "optimizer_raises": ("recipe", "train"),
    "optimizer_takes_all_memory": ("train",),
    "optimizer_returns_nan_at_once": ("recipe",),
    "optimizer_returns_nan_in_the_middle": ("train",),
    # what a run finds around it
    "second_invocation": ("probe",),
    "same_unit_twice_at_once": ("train", "gather"),
    "folder_that_cannot_be_written": ("train", "figure"),
    "full_disk": ("train", "gather", "figure"),
    "dates_that_jump": ("train",),
    "clock_that_jumps": ("train", "probe", "publish"),
    "source_file_changed": ("data",),
}


def cases(kind: str) -> list[tuple[str, int]]:
    """Return the stages of a kind, each with the numbers of its cases."""
    return [(stage, number) for stage in TABLE[kind] for number in range(1, TIMES + 1)]


def lines(outcomes: list[tuple[str, str, str]]) -> list[str]:
    """Return the table of what became of cases, given as (kind, stage, outcome): survived and refused of each pair."""
    count = {
        (kind, stage): [outcomes.count((kind, stage, outcome)) for outcome in ("survived", "refused")]
        for kind, stages in TABLE.items()
        for stage in stages
    }
    told = [f"{'kind':<36} {'stage':<8} survived refused"]
    told += [
        f"{kind.replace('_', ' '):<36} {stage:<8} {survived:>8} {refused:>7}"
        for (kind, stage), (survived, refused) in count.items()
        if survived or refused
    ]
    survived, refused = (sum(each) for each in zip(*count.values(), strict=True))
    return [*told, f"{f'{survived + refused} faults in all':<45} {survived:>8} {refused:>7}"]
