"""gather: all measurements of a study as one labelled tree, the atlas."""

from pathlib import Path

import xarray as xr

from imprint import atlas, dates, store
from imprint.stages.common import job


def main(argv: list[str]) -> None:
    """Write the atlas of the frozen plan."""
    work = job("gather", argv)
    groups = {}
    for name, experiment in work.plan["experiments"].items():
        places = [place for place in work.plan["places"] if place["experiment"] == name]
        groups |= {f"/{name}/{key}": data for key, data in collect(experiment, places).items()}
        varied = [place for place in places if place["kind"] == "multiverse"]
        groups |= {f"/{name}/multiverse/{key}": data for key, data in universes(experiment, varied).items()}
    tree = xr.DataTree.from_dict(groups)
    stores = sorted({place["file"] for place in work.plan["places"]})
    store.write_tree(tree, work.out, study=work.plan["study"], spec=work.spec, stores=stores)
    dates.put_before(work.out, map(Path, stores))


def collect(experiment: dict, places: list[dict]) -> dict[str, xr.Dataset]:
    """Return the groups of one experiment: per probe, training, trace, search, and per probe of the search."""
    labels = {
        "selects": list(experiment["select"]),
        "recipes": experiment["recipes"],
        "stops": list(experiment["stop"]),
    }

    def read(kind: str, probe: str = "") -> list[atlas.Piece]:
        chosen = [place for place in places if place["kind"] == kind and place["probe"] == probe]
        return [atlas.Piece(place["stop"], place["recipe"], store.read(place["file"])) for place in chosen]

    groups = {probe: atlas.gather(read("probe", probe), **labels) for probe in experiment["probes"]}
    solutions = read("training")
    for name, function in (("training", atlas.training), ("trace", atlas.trace)):
        pieces = [atlas.Piece(piece.stop, piece.recipe, function(piece.data)) for piece in solutions]
        groups[name] = atlas.gather(pieces, **labels)
    searches, choices = read("search"), read("select")
    if searches:
        pieces = [
            atlas.Piece(search.stop, search.recipe, atlas.searched(search.data, choice.data))
            for search, choice in zip(searches, choices, strict=True)
        ]
        groups["search"] = atlas.merge_searches(pieces, **labels)
        edge = groups["search"]["at_edge"].reindex(
            stop=labels["stops"], recipe=labels["recipes"], select=groups["training"]["select"].values
        )
        groups["training"]["at_edge"] = edge.transpose("stop", "select", "recipe")
    for probe in sorted({place["probe"] for place in places if place["kind"] == "search_probe"}):
        groups[f"search_space/{probe}"] = atlas.search_space(read("search_probe", probe), searches, **labels)
    return groups


def universes(experiment: dict, places: list[dict]) -> dict[str, xr.Dataset]:
    """Return what was measured under the choices of other analysts: training and a group per probe, by choice."""
    labels = {"selects": ["chosen", *experiment.get("choices", [])]}
    labels |= {"recipes": experiment["recipes"], "stops": list(experiment["stop"])}
    pieces: dict[str, list[atlas.Piece]] = {}
    for place in places:
        data = store.read(place["file"])
        data = data if place["probe"] else atlas.training(data)
        pieces.setdefault(place["probe"] or "training", []).append(atlas.Piece(place["stop"], place["recipe"], data))
    return {name: atlas.gather(found, **labels) for name, found in pieces.items()}
