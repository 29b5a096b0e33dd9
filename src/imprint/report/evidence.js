/* What lies behind a cell of the atlas: four charts, each with the sentence that says what it shows. */

const evidence = (() => {
  const { experiments, colours } = JSON.parse(document.getElementById("behind").textContent);
  const short = (value) => (value === null ? "–" : Number.isFinite(+value) ? `${+(+value).toPrecision(3)}` : `${value}`)
    .replace("-", "−").replace("inf", "∞");
  const colour = (names) => ({
    field: "recipe", type: "nominal", legend: null,
    scale: { domain: names, range: names.map((name) => colours[name]) },
  });
  const rule = { mark: { type: "rule", color: "var(--quiet)", strokeDash: [3, 3] } };

  function cell(name, mode, measure, recipe) {
    const all = experiments[name];
    const about = all.measures[measure];
    const found = Object.fromEntries(all.told.map((key, place) => [key, all.tests[mode][measure][recipe][place]]));
    const unit = about.unit ? ` ${about.unit}` : "";
    const axis = `${about.says}${about.where ? `, ${about.where}` : ""}${about.unit ? ` [${about.unit}]` : ""}`;
    const part = { all, about, mode, measure, recipe, found, unit, axis, base: all.reference };
    return {
      title: `${recipe} against ${all.reference}: ${about.says}${about.where ? `, ${about.where}` : ""}`,
      place: `${all.title} Compared at ${all.modes[mode]}.`,
      variable: about.name,
      says: says(part),
      sources: sources(part),
      charts: [runs(part), pairs(part), tuning(part), modes(part)].filter(Boolean),
    };
  }

  function says({ recipe, base, found, unit }) {
    if (found.found === "untested") return `No test was made: ${found.flags || "too few runs have a value"}.`;
    const words = { more: "has more than", less: "has less than", "not told apart": "is not told apart from" };
    return `${recipe} ${words[found.found]} ${base}: mean paired difference ${short(found.estimate)}${unit}, `
      + `simultaneous 90 % interval ${short(found.low)} to ${short(found.high)}${unit}, effect ${short(found.effect)} `
      + `standard deviations of the differences, p = ${short(found.p_adjusted)} after correction, n = ${found.n}`
      + `${found.flags ? ` (${found.flags})` : ""}.`;
  }

  function sources({ all, about, mode, recipe, base }) {
    const [probe, variable] = about.name.split(".");
    const held = (all.stores[all.stops[mode]] ?? {})[probe] ?? {};
    return [recipe, base].flatMap((name) =>
      (held[name] ?? []).map((href) => ({ href, name, title: `variable ${variable} of ${name}` })));
  }

  function runs({ all, mode, measure, recipe, base, axis }) {
    const held = all.values[mode][measure];
    const values = all.recipes.flatMap((name) => (held[name] ?? []).map((value, place) => (
      { recipe: name, value, seed: all.seeds[place], shown: name === recipe || name === base ? 1 : 0.35 })));
    const y = { field: "recipe", type: "nominal", sort: all.recipes, title: null };
    const x = { type: "quantitative", title: axis, scale: { zero: false } };
    return {
      title: "Every run",
      says: `Each dot is one seed of an optimizer, the bar their mean; ${recipe} and ${base} are in full colour.`,
      spec: {
        height: 22 * all.recipes.length, data: { values: values.filter(({ value }) => value !== null) },
        encoding: { y, color: colour(all.recipes), opacity: { field: "shown", type: "quantitative", scale: null, legend: null } },
        layer: [
          { mark: { type: "point", filled: true, size: 45 }, encoding: {
            x: { ...x, field: "value" }, tooltip: [{ field: "recipe" }, { field: "seed" }, { field: "value" }] } },
          { mark: { type: "tick", thickness: 2, size: 16 }, encoding: { x: { ...x, field: "value", aggregate: "mean" } } },
        ],
      },
    };
  }

  function pairs({ all, mode, measure, recipe, base, found, axis }) {
    const held = all.values[mode][measure];
    const values = all.seeds.map((seed, place) => ({ seed, ours: held[recipe][place], theirs: held[base][place] }))
      .filter(({ ours, theirs }) => ours !== null && theirs !== null)
      .map(({ seed, ours, theirs }) => ({ seed: `${seed}`, recipe, value: ours - theirs }));
    if (!values.length) return null;
    const y = { type: "quantitative", title: `${recipe} − ${base}` };
    const ends = found.low === null ? [] : [{ mark: { type: "rect", opacity: 0.15, color: "var(--link)" },
      data: { values: [{}] }, encoding: { y: { datum: +found.low }, y2: { datum: +found.high } } }];
    return {
      title: "Pair by pair",
      says: `The same seed begins from the same weights and sees the same order of data under both optimizers: each dot is `
        + `the difference for one seed; ${ends.length ? "the band is the simultaneous 90 % interval of its mean" : "no interval was told"}. Measured: ${axis}.`,
      spec: {
        height: 160, data: { values },
        layer: [...ends, { ...rule, data: { values: [{}] }, encoding: { y: { datum: 0 } } }, {
          mark: { type: "point", filled: true, size: 55 }, encoding: {
            x: { field: "seed", type: "nominal", sort: null, title: "seed", axis: { labelAngle: 0 } },
            y: { ...y, field: "value" }, color: colour([recipe]), tooltip: [{ field: "seed" }, { field: "value" }] },
        }],
      },
    };
  }

  function tuning({ all, mode, measure, recipe, base, axis }) {
    const { search } = all;
    const stop = all.stops[mode];
    if (!search || !search.at[stop]) return null;
    const own = search.of[stop]?.[measure];
    const curves = own ?? search.criterion[stop];
    const { hyper } = search;
    const values = [recipe, base].flatMap((name) => (search.at[stop][name] ?? []).flatMap((at, place) =>
      ((curves[name] ?? [])[place] ?? []).filter((value) => value !== null)
        .map((value) => ({ recipe: name, at, value, chosen: search.chosen[mode][name] === place }))));
    if (!values.length) return null;
    const x = { field: "at", type: "quantitative", scale: { type: "log", nice: false }, title: hyper, axis: { format: "~g", tickCount: 5 } };
    const numbers = values.map(({ value }) => value);
    const wide = Math.min(...numbers) > 0 && Math.max(...numbers) > 30 * Math.min(...numbers);
    const scale = wide ? { type: "log", nice: false } : { zero: false };
    const y = { type: "quantitative", title: own ? axis : search.metric, scale };
    return {
      title: `Over the ${hyper}`,
      says: `${own ? "The measure at the end of training" : "The criterion of tuning (this measure was not probed in the search)"} `
        + `at every ${hyper} tried: dots are tuning seeds, lines their means; a ring is at the setting that was chosen. `
        + `${recipe} and ${base} are coloured as above.`,
      spec: {
        height: 180, data: { values }, encoding: { x, color: { ...colour([recipe, base]), legend: { title: null, orient: "top" } } },
        layer: [
          { mark: { type: "line" }, encoding: { y: { ...y, field: "value", aggregate: "mean" } } },
          { mark: { type: "point", filled: true, size: 18 }, encoding: { y: { ...y, field: "value" } } },
          { transform: [{ filter: "datum.chosen" }], mark: { type: "point", filled: false, size: 180 },
            encoding: { y: { ...y, field: "value", aggregate: "mean" } } },
        ],
      },
    };
  }

  function modes({ all, mode, measure, recipe, base, unit }) {
    const told = (place) => all.tests[place][measure][recipe];
    const key = (name) => all.told.indexOf(name);
    const values = all.modes.map((name, place) => ({ name: name + (place === mode ? " (this one)" : ""), row: told(place) }))
      .filter(({ row }) => row && row[key("estimate")] !== null && Number.isFinite(row[key("low")]))
      .map(({ name, row }) => ({ name, recipe, at: row[key("estimate")], low: row[key("low")], high: row[key("high")] }));
    if (!values.length) return null;
    const y = { field: "name", type: "nominal", sort: null, title: null, axis: { labelLimit: 220 } };
    const title = `${recipe} − ${base}${unit ? ` [${unit.trim()}]` : ""}`;
    return {
      title: "At each comparison",
      says: "The mean paired difference with its simultaneous interval wherever the two were compared. Where the lines "
        + "disagree, the answer depends on when runs count as comparable.",
      spec: {
        height: 26 * values.length, data: { values },
        layer: [
          { ...rule, data: { values: [{}] }, encoding: { x: { datum: 0 } } },
          { mark: { type: "rule", strokeWidth: 2 }, encoding: { y, color: colour([recipe]),
            x: { field: "low", type: "quantitative", title }, x2: { field: "high" } } },
          { mark: { type: "point", filled: true, size: 60 }, encoding: { y, color: colour([recipe]),
            x: { field: "at", type: "quantitative", title }, tooltip: ["name", "at", "low", "high"].map((field) => ({ field })) } },
        ],
      },
    };
  }

  const look = {
    background: null, font: getComputedStyle(document.body).fontFamily, view: { stroke: null },
    axis: { labelColor: "var(--text)", titleColor: "var(--quiet)", titleFontWeight: "normal", gridColor: "var(--line)",
      domainColor: "var(--line)", tickColor: "var(--line)", labelFontSize: 11, titleFontSize: 11, titleLimit: 420 },
    legend: { labelColor: "var(--text)", labelFontSize: 11 },
  };

  function draw({ spec, says }, container) {
    const compiled = vegaLite.compile({ width: "container", config: look, description: says, ...spec }).spec;
    const view = new vega.View(vega.parse(compiled), { renderer: "svg", container, hover: true });
    view.run();
    return view;
  }

  return { cell, draw };
})();
