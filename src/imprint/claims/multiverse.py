"""The verdicts that other analysts would have published: every contrast under each choice.

A multiverse analysis (Steegen, Tuerlinckx, Gelman and Vanpaemel 2016). It is exploration: a choice is judged on tuning
seeds, which are few, and no verdict of the claims depends on it.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import xarray as xr

from imprint.claims.evaluate import evaluate
from imprint.store import replacing

DECLARED = "declared"
CHOSEN = "chosen"
FIXED = "fixed"
COLUMNS = {
    **{"experiment": str, "claim": str, "says": str, "recipes": str, "measure": str, "where": str, "mode": str},
    **{"choice": str, "changes": str, "expect": str, "verdict": str, "beyond": bool, "turned": bool},
    **{"estimate": float, "low": float, "high": float, "margin": float, "p": float, "p_adjusted": float},
    **{"n": int, "pairs_declared": int, "family": int, "unit": str, "flags": str},
}
"""Columns in their order, with their types."""


def judge(atlas: xr.DataTree, verdicts: pd.DataFrame, experiments: list[dict]) -> pd.DataFrame:
    """Judge the contrasts of the experiments that declare a multiverse again, under each of its choices.

    Under a choice all contrasts of an experiment that are judged again form one family, as if that analyst had
    published them. A recipe that does not have the choice takes part as it was ``chosen``; where that holds for all
    recipes of a contrast, it has no row.

    Args:
        atlas: groups ``/<experiment>/multiverse/<probe>``, and ``training``, in which ``select`` is the choice.
        verdicts: the table of `imprint.claims.table`.
        experiments: as resolved; ``multiverse`` has the choices and the names of the claims.

    Returns:
        One row per claim, comparison mode and choice. The choice ``declared`` is the verdict itself, on evaluation
        seeds, and comes first. ``changes`` names the recipes that have the choice, ``turned`` is whether it turns
        the declared verdict into its contrary.
    """
    families: dict[str, list[dict]] = {}
    for part in experiments:
        if part.get("multiverse", {}).get("claims"):
            families.setdefault(part["name"].partition(".")[0], []).append(part)
    found = [row for parts in families.values() for row in _family(atlas, verdicts, parts)]
    return pd.DataFrame(found, columns=list(COLUMNS)).astype(COLUMNS)


def _family(atlas: xr.DataTree, verdicts: pd.DataFrame, parts: list[dict]) -> Iterator[dict]:
    choices = [CHOSEN, *parts[0]["multiverse"]["choices"]]
    tables = {choice: _under(atlas, parts, choice) for choice in choices}
    for part in parts:
        status = atlas[f"{part['name']}/multiverse/training"]["status"]
        for name, modes in _modes(part).items():
            for place, mode in modes.items():
                own = (verdicts["experiment"] == part["name"]) & (verdicts["claim"] == name)
                (declared,) = verdicts[own & (verdicts["mode"] == mode)].to_dict("records")
                yield {**declared, "choice": DECLARED, "changes": "", "turned": False}
                for choice in choices:
                    changes = _having(status, part["claims"][name], place[0], choice)
                    row = tables[choice][part["name"], name, place]
                    if changes:
                        told = {"mode": mode, "choice": choice, "changes": changes}
                        yield {**row, **told, "turned": turns(declared, row)}


def _under(atlas: xr.DataTree, parts: list[dict], choice: str) -> dict[tuple, dict]:
    """Return the rows of all contrasts under a choice, by experiment, claim, and stop with snapshot."""
    groups, changed = {}, []
    for part in parts:
        held = atlas[f"{part['name']}/multiverse"].children
        for group, node in held.items():
            # what a recipe has no entry for is read where recipes without a search have theirs
            data = node.to_dataset()
            names = [FIXED if name == CHOSEN else name for name in data["select"].values.tolist()]
            groups[f"/{part['name']}/{group}"] = data.assign_coords(select=names)
        at = FIXED if choice == CHOSEN else choice
        claims = {
            name: {**part["claims"][name], "at": [{"stop": s, "select": at, "snapshot": t} for s, t in modes]}
            for name, modes in _modes(part).items()
        }
        seeds = held["training"]["seed"].values.tolist()
        changed.append({**part, "seeds": seeds, "select": {choice: {}}, "claims": claims})
    rows = evaluate(xr.DataTree.from_dict(groups), *changed).to_dict("records")
    return {(row["experiment"], row["claim"], tuple(row["mode"].split("/")[::2])): row for row in rows}


def _modes(part: dict) -> dict[str, dict[tuple[str, str], str]]:
    """Return by claim its (stop, snapshot) with the mode that names it first: the choice is in the place of select."""
    found: dict[str, dict] = {}
    for name in part["multiverse"]["claims"]:
        for mode in part["claims"][name]["at"]:
            place = (mode["stop"], mode["snapshot"])
            found.setdefault(name, {}).setdefault(place, f"{place[0]}/{mode['select']}/{place[1]}")
    return found


def _having(status: xr.DataArray, claim: dict, stop: str, choice: str) -> str:
    """Return which recipes of a contrast were trained under a choice."""
    if choice not in status["select"].values:
        return ""
    recipes = [name for side in claim["contrast"] for name in ([side] if isinstance(side, str) else side)]
    trained = status.sel(stop=stop, select=choice).notnull().any("seed")
    return ", ".join(name for name in dict.fromkeys(recipes) if trained.sel(recipe=name))


def turns(declared: dict, other: dict) -> bool:
    """Return whether another choice turns a verdict: *supported* into *contradicted*, or the other way round."""
    return {declared["verdict"], other["verdict"]} == {"supported", "contradicted"}


def write(table: pd.DataFrame, path: str | os.PathLike) -> None:
    """Write the table as csv, floats in the fewest digits that read back exactly."""
    with replacing(Path(path)) as scratch:
        table.to_csv(scratch, index=False, lineterminator="\n", columns=list(COLUMNS))


def read(path: str | os.PathLike) -> pd.DataFrame:
    """Read what `write` wrote."""
    text = pd.read_csv(
        path, keep_default_na=False, na_values={name: [""] for name, kind in COLUMNS.items() if kind is float}
    )
    return text[list(COLUMNS)].astype(COLUMNS)
