/* The report: slider, before and after, charts, copying of commands. */
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const sources = JSON.parse(document.getElementById("sources").textContent);
  const $ = (id) => document.getElementById(id);
  const { el, number } = Charts;

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

  /* ---------------------------------------------------------------- before and after */
  const cut = $("cut");
  if (cut) cut.addEventListener("input", () => $("wipe").style.setProperty("--cut", `${cut.value}%`));

  const film = document.querySelector("details.film");
  if (film && matchMedia("(prefers-reduced-motion: reduce)").matches) film.open = false;

  /* ---------------------------------------------------------------- charts */
  const time = (seconds) => {
    if (seconds == null) return "";
    const minutes = Math.round(seconds / 60), hours = Math.floor(minutes / 60);
    if (seconds < 60) return `${Math.round(seconds)} s`;
    return hours ? `${hours} h ${String(minutes % 60).padStart(2, "0")} min` : `${minutes} min`;
  };
  const head = (i) => [`tick ${data.x.tick[i]}`, `${number(data.x.kimg[i])} kimg`, time(data.x.seconds[i])].filter(Boolean).join(" · ");
  const ticks = { values: data.x.kimg, label: "kimg: thousands of pictures shown", head };
  for (const host of document.querySelectorAll(".plot")) {
    const spec = data.charts[Number(host.dataset.chart)];
    const own = spec.x && { values: spec.x.values, label: spec.x.label, head: (i) => `${number(spec.x.values[i])} ${spec.x.unit}` };
    spec.ticks = !own || spec.x.kimg === true;
    Charts.make(host, spec, own || ticks, {
      marks: spec.ticks ? data.marks : [], sync: own ? null : "ticks",
      onPick: spec.ticks && slider ? (i) => { pause(); show(nearest((own || ticks).values[i])); } : null,
    });
    const fold = host.parentElement.querySelector("details.numbers");
    if (fold) fold.addEventListener("toggle", () => { if (fold.open && !fold.querySelector("table")) fold.append(table(spec, own || ticks, !own)); });
  }
  function table(spec, x, ofTicks) {
    const names = [...(ofTicks ? ["tick", "kimg"] : [x.label]), ...spec.series.map((series) => series.label)];
    const rows = x.values.map((value, i) => [
      ...(ofTicks ? [String(data.x.tick[i]), number(value)] : [number(value)]),
      ...spec.series.map((series) => ((series.nan || []).includes(i) ? "not a number" : number(series.values[i]))),
    ]);
    return Charts.table(names, rows);
  }

  if (slider) show(data.frames.length - 1);
  document.documentElement.dataset.ready = "yes";
})();
