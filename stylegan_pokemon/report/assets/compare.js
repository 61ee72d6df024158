/* The comparison: charts of several runs, and one key for all of them. */
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const { number } = Charts;
  const plots = [...document.querySelectorAll(".plot")];

  /* All points of all runs on one axis. Two points of a run at the same kimg stay two rows. */
  function joined(curves) {
    const points = curves.flatMap((curve, k) => curve.kimg.map((x, i) => ({ x, k, i })));
    points.sort((a, b) => a.x - b.x || a.i - b.i);
    const xs = [], rows = [];
    for (const { x, k, i } of points) {
      let row = rows.length;
      while (row > 0 && xs[row - 1] === x && rows[row - 1][k] === undefined) row -= 1;
      if (row === rows.length) { xs.push(x); rows.push({}); }
      rows[row][k] = i;
    }
    return { xs, rows };
  }

  for (const host of plots) {
    const { curves, ...spec } = data.charts[Number(host.dataset.chart)];
    const { xs, rows } = joined(curves);
    spec.nearest = true;
    spec.series = curves.map((curve, k) => {
      const at = rows.map((row) => row[k]);
      const series = { label: data.names[curve.run], colour: curve.run, values: at.map((i) => (i === undefined ? null : curve.values[i])) };
      const nan = at.flatMap((i, row) => (i !== undefined && curve.values[i] === null ? [row] : []));
      if (nan.length) series.nan = nan;
      if (curve.bars) series.bars = at.map((i) => (i === undefined ? null : curve.bars[i]));
      return series;
    });
    Charts.make(host, spec, { values: xs, label: "kimg", head: (i) => `${number(xs[i])} kimg`, columns: { names: ["kimg"], cells: (i) => [number(xs[i])] } });
  }

  /* change(uPlot, index of the line) in every chart that has the run. */
  function ofRun(run, change) {
    for (const host of plots) {
      const k = data.charts[Number(host.dataset.chart)].curves.findIndex((curve) => curve.run === run);
      if (k >= 0) change(host.plot, k + 1);
    }
  }
  for (const button of document.querySelectorAll(".keys button")) {
    const run = Number(button.dataset.run), shown = () => button.getAttribute("aria-pressed") === "true";
    button.addEventListener("click", () => {
      button.setAttribute("aria-pressed", String(!shown()));
      ofRun(run, (u, k) => u.setSeries(k, { show: shown() }));
    });
    button.addEventListener("pointerenter", (event) => {
      if (event.pointerType === "mouse" && shown()) ofRun(run, (u, k) => u.setSeries(k, { focus: true }));
    });
    button.addEventListener("pointerleave", () => { for (const { plot } of plots) plot.setSeries(null, { focus: true }); });
  }
  document.documentElement.dataset.ready = "yes";
})();
