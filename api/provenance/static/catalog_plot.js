// What has arrived so far, by Plotly, which is loaded after everything else.

const TONES = { RECO: "stf", FULL: "tf", EVGEN: "stf" };
const STEP = 12 * 3600 * 1000;
const KINDS = [
  { key: "datasets", title: "datasets", axis: "y", of: (sum) => sum, hover: "%{y:,} datasets" },
  { key: "files", title: "files", axis: "y2", of: (sum) => sum, hover: "%{y:,} files" },
  { key: "bytes", title: "TB", axis: "y3", of: (sum) => sum / 1e12, hover: "%{y:.3~f} TB" },
];

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
const arrivals = () => JSON.parse(document.getElementById("arrivals").textContent);

export class Plot {
  constructor() {
    this.place = document.getElementById("plot");
    this.touch();
  }

  /** Draw what the page holds now; Plotly is loaded with the first arrival. */
  touch() {
    if (!arrivals().length) return;
    if (globalThis.Plotly) return this.#draw();
    if (this.isLoading) return;
    this.isLoading = true;
    const script = document.createElement("script");
    script.src = this.place.dataset.script;
    script.addEventListener("load", () => {
      document.getElementById("plot-note")?.remove();
      this.#draw();
      matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#draw());
    });
    script.addEventListener("error", () => {
      document.getElementById("plot-note").textContent = "The plot could not be loaded.";
    });
    document.head.append(script);
  }

  #draw() {
    globalThis.Plotly.react(this.place, traces(arrivals()), layout(), {
      displayModeBar: false, responsive: true, scrollZoom: false,
    });
  }
}

/** For each stage, the sums at the end of every bin in which something arrived, up to now. */
function traces(bins) {
  const stages = [...new Set(bins.map(({ stage }) => stage))];
  return stages.flatMap((stage) => {
    const own = bins.filter((each) => each.stage === stage);
    const times = own.map(({ at }) => Date.parse(at));
    const x = [times[0], ...times.map((at) => at + STEP), Date.now()].map((at) => new Date(at).toISOString().slice(0, 19));
    return KINDS.map(({ key, axis, of, hover }, number) => {
      let sum = 0;
      const sums = own.map((each) => of((sum += each[key])));
      return {
        name: stage, legendgroup: stage, showlegend: number === 0 && stages.length > 1,
        x, y: [0, ...sums, sums.at(-1)], yaxis: axis, type: "scatter", mode: "lines",
        line: { color: colour(TONES[stage] ?? "volume"), width: 2, shape: "hv" },
        fill: "tozeroy", fillcolor: `${colour(TONES[stage] ?? "volume")}18`,
        hovertemplate: `${hover}<extra>${stage}</extra>`,
      };
    });
  });
}

function layout() {
  const [ink, grid] = [colour("quiet"), colour("line")];
  const axis = (domain, text) => ({
    domain, title: { text }, gridcolor: grid, zeroline: false, rangemode: "tozero", color: ink,
    fixedrange: true, exponentformat: "none", separatethousands: true,
  });
  return {
    paper_bgcolor: "transparent", plot_bgcolor: "transparent", hovermode: "x unified",
    font: { color: ink, size: 12, family: getComputedStyle(document.body).fontFamily },
    margin: { l: 66, r: 14, t: 12, b: 30 }, legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom" },
    hoverlabel: { bgcolor: colour("panel"), bordercolor: grid, font: { color: colour("ink") } },
    xaxis: { gridcolor: grid, color: ink, type: "date", anchor: "y3", hoverformat: "%Y-%m-%d %H:%M UTC" },
    yaxis: axis([0.7, 1], KINDS[0].title), yaxis2: axis([0.35, 0.65], KINDS[1].title), yaxis3: axis([0, 0.3], KINDS[2].title),
  };
}
