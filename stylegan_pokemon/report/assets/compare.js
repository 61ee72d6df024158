/* The comparison: charts over kimg or time, and one key for all of them. */
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const { number } = Charts;
  const plots = [...document.querySelectorAll(".plot")];
  const modes = [...document.querySelectorAll(".modes button")];
  const keys = [...document.querySelectorAll(".keys button")];
  const hidden = new Set();

  /* All points of all runs on one axis. Two points of a run at the same x stay two rows. */
  function joined(curves, axis) {
    const points = curves.flatMap((curve, k) => curve[axis].map((x, i) => ({ x, k, i })).filter((point) => point.x != null));
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

  function draw(host, axis) {
    const { curves, ...spec } = data.charts[Number(host.dataset.chart)];
    const { xs, rows } = joined(curves, axis);
    spec.nearest = true;
    spec.series = curves.map((curve, k) => {
      const at = rows.map((row) => row[k]);
      const series = { label: data.names[curve.run], colour: curve.run, values: at.map((i) => (i === undefined ? null : curve.values[i])) };
      const nan = at.flatMap((i, row) => (i !== undefined && curve.values[i] === null ? [row] : []));
      if (nan.length) series.nan = nan;
      if (curve.bars) series.bars = at.map((i) => (i === undefined ? null : curve.bars[i]));
      return series;
    });
    Charts.forget(host);
    const { label, unit } = data.axes[axis];
    const u = Charts.make(host, spec, { values: xs, label, head: (i) => `${number(xs[i])} ${unit}`, columns: { names: [unit], cells: (i) => [number(xs[i])] } });
    curves.forEach((curve, k) => { if (hidden.has(curve.run)) u.setSeries(k + 1, { show: false }); });
  }

  function show(axis) {
    for (const button of modes) button.setAttribute("aria-pressed", String(button.dataset.axis === axis));
    for (const host of plots) draw(host, axis);
  }
  for (const button of modes) button.addEventListener("click", () => show(button.dataset.axis));

  /* change(uPlot, index of the line) in every chart that has the run. */
  function ofRun(run, change) {
    for (const host of plots) {
      const k = data.charts[Number(host.dataset.chart)].curves.findIndex((curve) => curve.run === run);
      if (k >= 0) change(host.plot, k + 1);
    }
  }
  for (const button of keys) {
    const run = Number(button.dataset.run);
    button.addEventListener("click", () => {
      const visible = hidden.has(run);
      if (visible) hidden.delete(run); else hidden.add(run);
      button.setAttribute("aria-pressed", String(visible));
      ofRun(run, (u, k) => u.setSeries(k, { show: visible }));
    });
    button.addEventListener("pointerenter", (event) => {
      if (event.pointerType === "mouse" && !hidden.has(run)) ofRun(run, (u, k) => u.setSeries(k, { focus: true }));
    });
    button.addEventListener("pointerleave", () => { for (const { plot } of plots) plot.setSeries(null, { focus: true }); });
  }

  show("kimg");
  document.documentElement.dataset.ready = "yes";
})();
