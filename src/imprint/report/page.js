/* What the page does: it filters the claims, shows what lies behind a cell of the atlas, and hands out figures. */

document.addEventListener("alpine:init", () => {
  let views = [];
  Alpine.data("board", () => ({
    optimizer: "", probe: "", verdict: "",
    fits({ dataset }) {
      return (!this.optimizer || dataset.optimizers.split(" ").includes(this.optimizer))
        && (!this.probe || dataset.probe === this.probe)
        && (!this.verdict || dataset.verdict === this.verdict);
    },
    tests(part) { return [...part.querySelectorAll("tr[data-verdict]")].filter((row) => this.fits(row)).length; },
    claims() { return [...this.$root.querySelectorAll(".claim")].filter((claim) => this.tests(claim)).length; },
    told() {
      const [tests, claims] = [this.tests(this.$root), this.claims()];
      const shown = `${tests} test${tests === 1 ? "" : "s"} of ${claims} claim${claims === 1 ? "" : "s"}`;
      return this.optimizer || this.probe || this.verdict ? `Shown: ${shown}.` : `All shown: ${shown}.`;
    },
    all() { this.optimizer = this.probe = this.verdict = ""; },
  }));
  Alpine.data("atlas", () => ({
    cell: null,
    init() {
      for (const table of this.$root.querySelectorAll("table.heat")) {
        const recipes = [...table.querySelectorAll("thead th")].map((head) => head.textContent.trim());
        for (const button of table.querySelectorAll("button")) {
          const head = button.closest("tr").querySelector("th").textContent.trim();
          button.tabIndex = button === table.querySelector("button") ? 0 : -1;
          const sure = button.parentElement.className ? ", significant" : "";
          const recipe = recipes[button.parentElement.cellIndex];
          button.setAttribute("aria-label", `${recipe}, ${head}: ${button.textContent.trim()}${sure}; show the runs`);
        }
      }
    },
    move(event) {
      const button = event.target.closest("button[data-cell]");
      const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
      if (!button || !step) return;
      event.preventDefault();
      const rows = [...button.closest("table").querySelectorAll("tr")].filter((row) => row.querySelector("button"));
      const row = rows[rows.indexOf(button.closest("tr")) + step[0]];
      const next = row?.cells[button.parentElement.cellIndex + step[1]]?.querySelector("button");
      if (!next) return;
      [button.tabIndex, next.tabIndex] = [-1, 0];
      next.focus();
    },
    async open({ target }) {
      const button = target.closest("button[data-cell]");
      if (!button) return;
      const experiment = button.closest("[data-experiment]").dataset.experiment;
      const [mode, measure, recipe] = button.dataset.cell.split(" ");
      const cell = this.cell = evidence.cell(experiment, +mode, +measure, recipe);
      this.$refs.dialog.showModal();
      await this.$nextTick();
      const places = this.$refs.dialog.querySelectorAll(".chart");
      views = cell.charts.map((chart, place) => evidence.draw(chart, places[place]));
    },
    closed() {
      views.forEach((view) => view.finalize());
      views = [];
      this.cell = null;
    },
  }));
});

/* A figure is made from what is on the page, so that a copy of the page alone still has it. */
document.addEventListener("click", async (event) => {
  const link = event.target.closest("a[data-make]");
  if (!link) return;
  event.preventDefault();
  const figure = link.closest("figure");
  const csv = link.dataset.make === "csv";
  const blob = new Blob([csv ? await table(figure) : drawing(figure)], { type: csv ? "text/csv" : "image/svg+xml" });
  const made = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: link.download });
  made.click();
  setTimeout(() => URL.revokeObjectURL(made.href), 60000);
});

function table(figure) {
  const bytes = Uint8Array.from(atob(figure.querySelector("script").textContent), (letter) => letter.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
}

function drawing(figure) {
  const text = new XMLSerializer().serializeToString(figure.querySelector("svg"));
  return text.replaceAll("var(--ink)", "#4a5460").replaceAll("var(--faint)", "#a9afb7");
}
