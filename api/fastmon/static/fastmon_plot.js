// Rate and cumulative volume over time, by Plotly, which is loaded after everything else.

const REDRAW = 1000; // a redraw costs some 20 ms, and nobody reads faster
const WINDOW = 900000;

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

export class Plot {
  constructor(model) {
    Object.assign(this, { model, place: document.getElementById("plot"), drawn: 0, isDirty: true });
    const script = document.createElement("script");
    script.src = this.place.dataset.script;
    script.addEventListener("load", () => this.#begin());
    script.addEventListener("error", () => {
      document.getElementById("plot-note").textContent = "The plot could not be loaded; the tables have its numbers.";
    });
    document.head.append(script);
  }

  /** Draw soon what the model holds now. */
  touch() {
    this.isDirty = true;
  }

  /** Draw, if something changed and the last time was long enough ago. */
  draw(isForced = false) {
    if (!globalThis.Plotly || document.hidden) return;
    if (!isForced && (!this.isDirty || performance.now() - this.drawn < REDRAW)) return;
    this.isDirty = false;
    this.drawn = performance.now();
    const steps = this.#steps();
    globalThis.Plotly.react(this.place, traces(steps, this.model.step), layout(this.model), {
      displayModeBar: false, responsive: true, scrollZoom: false,
    });
  }

  #begin() {
    document.getElementById("plot-note").remove();
    this.draw(true);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw(true));
  }

  /** Every step from the plot's begin to its end; one without anything counts zero. */
  #steps() {
    const { bins, step, wanted } = this.model;
    const last = Math.max(...bins.keys(), 0);
    if (!bins.size) return [];
    let begin = Math.min(...bins.keys());
    if (wanted.run === null) begin = Math.max(begin, Math.floor((last - WINDOW / 1000) / step) * step);
    for (const at of bins.keys()) if (at < begin) bins.delete(at);
    // The step that is under way would show a fall that is none.
    const end = this.model.isBusy() ? Math.floor(this.model.now() / 1000 / step) * step - step : last;
    const none = { stfs: 0, tfs: 0, volume_bytes: 0 };
    const steps = [];
    for (let at = begin; at <= Math.max(end, begin); at += step) steps.push({ ...none, ...bins.get(at), at });
    // The last step has a width, too.
    return [...steps, { ...steps.at(-1), volume_bytes: 0, at: steps.at(-1).at + step }];
  }
}

function traces(steps, step) {
  const x = steps.map(({ at }) => new Date(1000 * at).toISOString().slice(0, 19));
  let sum = 0;
  const total = steps.map(({ volume_bytes: bytes }) => (sum += bytes) / 1e9);
  const line = (name, y, tone, more = {}) => ({
    name, x, y, type: "scatter", mode: "lines", line: { color: colour(tone), width: 2, shape: "hv" }, ...more,
  });
  return [
    line("STF/s", steps.map(({ stfs }) => stfs / step), "stf", { hovertemplate: "%{y:.3~g} STF/s<extra></extra>" }),
    line("TF/s", steps.map(({ tfs }) => tfs / step), "tf", { hovertemplate: "%{y:.3~g} TF/s<extra></extra>" }),
    line("Volume", total, "volume", {
      yaxis: "y2", fill: "tozeroy", fillcolor: `${colour("volume")}22`, hovertemplate: "%{y:.4~g} GB<extra></extra>",
    }),
  ];
}

function layout(model) {
  const [ink, grid] = [colour("quiet"), colour("line")];
  const axis = { gridcolor: grid, zeroline: false, rangemode: "tozero", color: ink, fixedrange: true };
  return {
    paper_bgcolor: "transparent", plot_bgcolor: "transparent", uirevision: "kept", hovermode: "x unified",
    font: { color: ink, size: 12, family: getComputedStyle(document.body).fontFamily },
    margin: { l: 52, r: 12, t: 30, b: 30 },
    legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom" },
    hoverlabel: { bgcolor: colour("panel"), bordercolor: grid, font: { color: colour("ink") } },
    xaxis: { gridcolor: grid, color: ink, type: "date", anchor: "y2", hoverformat: "%H:%M:%S UTC" },
    yaxis: { ...axis, domain: [0.46, 1], title: { text: "per second" }, exponentformat: "none" },
    yaxis2: { ...axis, domain: [0, 0.36], title: { text: "GB" }, exponentformat: "none" },
  };
}
