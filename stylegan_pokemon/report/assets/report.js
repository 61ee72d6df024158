/* The report: slider and charts. */
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const sources = JSON.parse(document.getElementById("sources").textContent);
  const $ = (id) => document.getElementById(id);
  const { number } = Charts;

  /* ---------------------------------------------------------------- slider */
  const slider = $("slider");
  let timer = 0;
  function show(index) {
    const frame = data.frames[index];
    $("frame").src = sources[frame.key];
    $("frame").alt = `Grid of drawn pictures ${frame.label}`;
    $("frame-label").textContent = frame.label;
    $("frame-facts").textContent = frame.facts;
    slider.setAttribute("aria-valuetext", frame.label);
    if (slider.valueAsNumber !== index) slider.value = index;
    if (frame.kimg != null) Charts.showHere(frame.kimg);
  }
  function step(by) {
    const next = Math.min(Math.max(slider.valueAsNumber + by, 0), data.frames.length - 1);
    if (next !== slider.valueAsNumber) show(next);
    return next;
  }
  function pause() {
    clearInterval(timer);
    timer = 0;
    $("play").setAttribute("aria-pressed", "false");
    $("play").setAttribute("aria-label", "Play");
  }
  function play() {
    if (slider.valueAsNumber >= data.frames.length - 1) show(0);
    $("play").setAttribute("aria-pressed", "true");
    $("play").setAttribute("aria-label", "Pause");
    timer = setInterval(() => { if (step(1) >= data.frames.length - 1) pause(); }, Math.max(60, Math.min(400, 12000 / data.frames.length)));
  }
  if (slider) {
    slider.addEventListener("input", () => { pause(); show(slider.valueAsNumber); });
    $("play").addEventListener("click", () => (timer ? pause() : play()));
    document.addEventListener("keydown", (event) => {
      const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      const busy = event.target.closest("input, textarea, select, dialog, [contenteditable], .scroll, nav");
      if (!by || busy || event.altKey || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      pause();
      step(by);
    });
  }
  function nearest(kimg) {
    let best = 0;
    data.frames.forEach((frame, i) => { if (Math.abs(frame.kimg - kimg) < Math.abs(data.frames[best].kimg - kimg)) best = i; });
    return best;
  }

  /* ---------------------------------------------------------------- charts */
  const head = (i) => `tick ${data.x.tick[i]} · ${number(data.x.kimg[i])} kimg`;
  const ticks = { values: data.x.kimg, label: "kimg", head, columns: { names: ["tick", "kimg"], cells: (i) => [String(data.x.tick[i]), number(data.x.kimg[i])] } };
  for (const host of document.querySelectorAll(".plot")) {
    Charts.make(host, data.charts[Number(host.dataset.chart)], ticks, {
      marks: data.marks, sync: "ticks", onPick: slider ? (i) => { pause(); show(nearest(data.x.kimg[i])); } : null,
    });
  }

  if (slider) show(data.frames.length - 1);
  document.documentElement.dataset.ready = "yes";
})();
