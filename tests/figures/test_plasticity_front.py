"""The front of the search grid, and what the figure shows of it."""

import numpy as np
import pandas as pd

from imprint.figures import plasticity_front


def test_front_against_a_loop():
    random = np.random.default_rng(0)
    for _ in range(20):
        table = pd.DataFrame({"learned": random.integers(0, 6, 15) / 6, "forgetting": random.integers(0, 6, 15) / 6})
        rows = list(table.itertuples(index=False))
        beaten = [
            any(
                other.learned >= row.learned
                and other.forgetting <= row.forgetting
                and (other.learned > row.learned or other.forgetting < row.forgetting)
                for other in rows
            )
            for row in rows
        ]
        assert plasticity_front.front(table).tolist() == [not x for x in beaten]
        assert not all(beaten)


def test_the_table_has_every_setting_that_learned(study):
    atlas, claims, specs = study
    table = plasticity_front.data(atlas, claims, specs["forgetting"])
    tried = table[table["kind"] == "searched"]
    search = atlas["forgetting/search"].to_dataset()
    expected = search["forgetting"].mean("seed", skipna=False)
    assert len(tried) == int(expected.notnull().sum()) < expected.size  # one rate diverged
    for row in tried.itertuples():
        at = {"stop": row.stop, "recipe": row.recipe, "setting": row.setting}
        assert row.forgetting == expected.sel(at).item()
        assert row.tried == search["lr"].sel(at).item()
    for _, part in tried.groupby(["stop", "recipe"]):
        assert part["tried"].is_monotonic_increasing
    assert tried.groupby("stop")["front"].any().all() and not tried["front"].all()
    chosen = table[table["kind"] == "evaluated"]
    matrix = atlas["forgetting/accuracy_matrix"].to_dataset().sel(snapshot="final")
    row = chosen[(chosen["recipe"] == "muon") & (chosen["seed"] == 3) & (chosen["stop"] == "loss")].iloc[0]
    at = {"stop": "loss", "select": row["select"], "recipe": "muon", "seed": 3}
    assert (row["learned"], row["forgetting"]) == (
        matrix["learned"].sel(at).item(),
        matrix["forgetting"].sel(at).item(),
    )


def test_a_search_that_kept_no_forgetting_shows_the_chosen_settings_only(study):
    atlas, claims, specs = study
    less = atlas.copy()
    less["forgetting/search"] = atlas["forgetting/search"].to_dataset().drop_vars("forgetting")
    table = plasticity_front.data(less, claims, specs["forgetting"])
    assert set(table["kind"]) == {"evaluated"}
    legend = plasticity_front.draw(less, claims, specs["forgetting"]).legends[0]
    assert "front of all settings" not in [text.get_text() for text in legend.get_texts()]
