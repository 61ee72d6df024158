/* The comparison: the same charts over kimg or over hours. */
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const { number } = Charts;
  const buttons = [...document.querySelectorAll(".modes button")];

  /* One table for all runs: uPlot.join leaves undefined where a run has no point, null stays a gap. */
  function draw(axis) {
    for (const button of buttons) button.setAttribute("aria-pressed", String(button.dataset.axis === axis));
    for (const host of document.querySelectorAll(".plot")) {
      Charts.forget(host);
      const { curves, ...spec } = data.charts[Number(host.dataset.chart)];
      const tables = curves.map((curve) => {
        const kept = curve[axis].map((x, i) => i).filter((i) => curve[axis][i] != null);
        return [kept.map((i) => curve[axis][i]), kept.map((i) => curve.values[i])];
      });
      const known = curves.filter((_, k) => tables[k][0].length);
      const joined = known.length ? uPlot.join(tables.filter((table) => table[0].length)) : [[]];
      spec.series = known.map((curve, k) => {
        const column = joined[k + 1];
        return { label: curve.label, colour: curve.run, values: [...column].map((v) => v ?? null),
          nan: column.some((v) => v === null) ? column.flatMap((v, i) => (v === null ? [i] : [])) : undefined };
      });
      const label = axis === "kimg" ? "kimg: thousands of pictures shown" : "hours of training";
      Charts.make(host, spec, { values: joined[0], label, head: (i) => `${number(joined[0][i])} ${axis}` });
    }
    document.documentElement.dataset.axis = axis;
  }
  for (const button of buttons) button.addEventListener("click", () => draw(button.dataset.axis));
  draw("kimg");

  const dialog = document.getElementById("larger");
  for (const button of document.querySelectorAll("button.zoom")) {
    button.addEventListener("click", () => {
      dialog.querySelector("img").src = button.querySelector("img").src;
      dialog.querySelector("img").alt = button.querySelector("img").alt;
      dialog.showModal();
    });
  }
  dialog.addEventListener("click", () => dialog.close());
  document.documentElement.dataset.ready = "yes";
})();
