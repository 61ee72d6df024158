/* Charts of the report and of the comparison, drawn by uPlot. All text from files goes through textContent. */
"use strict";
const Charts = (() => {
  const all = [];
  const state = { here: null };
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const FEW = 4; /* lines of a chart that has room for dots and bands */
  const COLOURS = 6; /* further lines repeat them, dashed */
  const order = (series, i) => series.colour ?? i;
  const name = (series, i) => (series.faint ? "--faint" : `--c${order(series, i) % COLOURS}`);
  const colour = (series, i) => css(name(series, i));
  const dashed = (series, i) => !series.faint && order(series, i) >= COLOURS;
  const el = (tag, attributes = {}, ...children) => {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    node.append(...children);
    return node;
  };

  function number(value) {
    if (value == null) return "–";
    const size = Math.abs(value);
    if (size >= 1e6 || (size > 0 && size < 1e-4)) return value.toExponential(2);
    if (size >= 1000) return Math.round(value).toLocaleString("en");
    return String(+value.toPrecision(4));
  }

  /* undefined: not measured, the line continues; null: NaN or infinite, the line breaks. */
  function aligned(series) {
    const broken = new Set(series.nan || []);
    return series.values.map((v, i) => (v === null ? (broken.has(i) ? null : undefined) : v));
  }

  /* In a comparison (spec.nearest) lines have ticks of their own: the point of line k nearest to point i; null outside the line. */
  function pointOf(spec, k, xs, i) {
    const series = spec.series[k], has = (j) => series.values[j] != null || (series.nan || []).includes(j);
    if (!spec.nearest || i == null || has(i)) return i;
    let left = i, right = i;
    while (left >= 0 && !has(left)) left -= 1;
    while (right < xs.length && !has(right)) right += 1;
    if (left < 0 || right >= xs.length) return null;
    return xs[i] - xs[left] <= xs[right] - xs[i] ? left : right;
  }

  function bounds(spec, shown, low, high) {
    spec.series.forEach((series, i) => {
      if (!shown[i]) return;
      for (const v of series.values) if (v != null) { low = Math.min(low, v); high = Math.max(high, v); }
      for (const bar of series.bars || []) if (bar) { low = Math.min(low, bar[0]); high = Math.max(high, bar[1]); }
    });
    for (const line of spec.lines) { low = Math.min(low, line.value); high = Math.max(high, line.value); }
    return [low, high];
  }

  /* from, to: lowest and highest value of the visible part. closer: whether the x axis is zoomed in. */
  function yRange(spec, shown, from, to, closer) {
    if (closer && from != null && !spec.log) {
      const pad = (to - from) * 0.08 || Math.abs(to) * 0.05 || 1;
      return [from - pad, to + pad];
    }
    let [low, high] = bounds(spec, shown, Infinity, -Infinity);
    if (spec.log) return low > 0 && high < Infinity ? [low / 1.3, high * 1.3] : [0.1, 10];
    if (spec.range) { low = Math.min(low, spec.range[0]); high = Math.max(high, spec.range[1]); }
    if (!(low < Infinity)) return [0, 1];
    const pad = (high - low) * 0.06 || Math.abs(high) * 0.1 || 1;
    const fixed = (value, i) => spec.range && value === spec.range[i];
    return [fixed(low, 0) && low >= 0 ? low : low - pad, high + pad];
  }

  function xRange(low, high) {
    if (low == null) return [0, 1];
    if (low !== high) return [low - (high - low) * 0.015, high + (high - low) * 0.015];
    return [low - (Math.abs(low) * 0.5 || 1), high + (Math.abs(high) * 0.5 || 1)];
  }

  function swatch(name, dashed) {
    const line = el("i", { class: dashed ? "stroke dashed" : "stroke" });
    line.style.color = `var(${name})`;
    return line;
  }

  /* Saves the state of the canvas; what follows is drawn within the axes only. */
  function clipped({ ctx, bbox }) {
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    return ctx;
  }

  function drawConstants(u, spec, marks) {
    const { ctx, bbox } = u, ratio = devicePixelRatio || 1, bottom = bbox.top + bbox.height;
    const line = (stroke, dash, x0, y0, x1, y1) => {
      ctx.strokeStyle = css(stroke);
      ctx.setLineDash(dash.map((d) => d * ratio));
      ctx.beginPath(); ctx.moveTo(x0, y0); ctx.lineTo(x1, y1); ctx.stroke();
    };
    const label = (text, colour, x, y) => {
      ctx.fillStyle = css(colour);
      if (x >= bbox.left && x <= bbox.left + bbox.width) ctx.fillText(text, x, y);
    };
    const across = (x) => u.valToPos(x, "x", true);
    clipped(u).lineWidth = 1.2 * ratio;
    for (const { x } of marks) line("--line", [2, 3], across(x), bbox.top, across(x), bottom);
    if (state.here != null) line("--here", [], across(state.here), bbox.top, across(state.here), bottom);
    for (const { value } of spec.lines) {
      const y = u.valToPos(value, "y", true);
      line("--line", [6, 4], bbox.left, y, bbox.left + bbox.width, y);
    }
    ctx.restore();
    ctx.save();
    ctx.font = `${12 * ratio}px system-ui, sans-serif`;
    ctx.textAlign = "center";
    for (const mark of marks) label(mark.label, "--soft", across(mark.x), bbox.top - 5 * ratio);
    spec.series.forEach((series, k) => {
      if (u.series[k + 1].show) for (const i of series.nan || []) label("✕", "--bad", across(u.data[0][i]), bottom - 4 * ratio);
    });
    ctx.restore();
  }

  function drawBands(u, spec) {
    const ctx = clipped(u);
    spec.series.forEach((series, k) => {
      const known = (series.bars || []).map((bar, i) => [i, bar]).filter(([, bar]) => bar);
      if (!u.series[k + 1].show || !known.length || spec.series.length > FEW) return;
      const place = (i, y) => [u.valToPos(u.data[0][i], "x", true), u.valToPos(y, "y", true)];
      ctx.globalAlpha = 0.15 * (u.series[k + 1].alpha ?? 1);
      ctx.fillStyle = ctx.strokeStyle = colour(series, k);
      ctx.lineWidth = 3;
      ctx.beginPath();
      for (const [i, bar] of known) ctx.lineTo(...place(i, bar[1]));
      for (const [i, bar] of known.reverse()) ctx.lineTo(...place(i, bar[0]));
      if (known.length > 1) ctx.fill(); else ctx.stroke();
    });
    ctx.restore();
  }

  function tooltip(spec, head) {
    const box = el("div", { class: "tip", hidden: "" });
    const fill = (u, at) => {
      box.replaceChildren(el("header", {}, head(at)));
      spec.series.forEach((series, k) => {
        const i = pointOf(spec, k, u.data[0], at);
        if (i == null) return;
        const value = series.values[i], broken = (series.nan || []).includes(i);
        if (!u.series[k + 1].show || (value == null && !broken)) return;
        const dot = el("i");
        dot.style.background = `var(${name(series, k)})`;
        const bar = series.bars && series.bars[i];
        const range = bar ? ` (${number(bar[0])} … ${number(bar[1])})` : u.data[0][i] !== u.data[0][at] ? ` at ${number(u.data[0][i])}` : "";
        const text = broken ? el("em", {}, "not a number") : el("b", {}, number(value) + (spec.unit ? " " + spec.unit : "") + range);
        box.append(el("div", {}, dot, el("span", {}, series.label), text));
      });
      return box.childElementCount > 1;
    };
    return {
      hooks: {
        init: [(u) => {
          u.over.append(box);
          u.over.addEventListener("mouseleave", () => { u.hovered = false; box.hidden = true; });
          u.over.addEventListener("mouseenter", () => { u.hovered = true; });
          u.over.addEventListener("pointermove", (event) => {
            if (event.pointerType !== "touch") return;
            u.hovered = true;
            const rect = u.over.getBoundingClientRect();
            u.setCursor({ left: event.clientX - rect.left, top: event.clientY - rect.top });
          });
        }],
        setCursor: [(u) => {
          const { idx, left, top } = u.cursor;
          if (!u.hovered || idx == null || left < 0) { box.hidden = true; return; }
          box.hidden = !fill(u, idx);
          const room = u.over.clientWidth, wide = box.offsetWidth, x = u.valToPos(u.data[0][idx], "x");
          const beside = x + 14 + wide > room ? x - wide - 14 : x + 14;
          box.style.left = `${Math.max(-40, Math.min(beside, room - wide))}px`;
          box.style.top = `${Math.max(0, Math.min(top - 10, u.over.clientHeight - box.offsetHeight))}px`;
        }],
      },
    };
  }

  function legend(u, spec) {
    const list = el("ul", { class: "legend" });
    if (!spec.nearest) spec.series.forEach((series, k) => {
      const last = series.values.reduce((kept, v) => (v == null ? kept : v), null);
      const button = el("button", { type: "button", "aria-pressed": "true", title: "Show or hide this line" },
        swatch(name(series, k), dashed(series, k)), series.label, " ", el("b", {}, number(last) + (spec.unit && last != null ? " " + spec.unit : "")));
      button.addEventListener("click", () => {
        const show = !u.series[k + 1].show;
        u.setSeries(k + 1, { show });
        button.setAttribute("aria-pressed", String(show));
      });
      list.append(el("li", {}, button));
    });
    for (const line of spec.lines) {
      list.append(el("li", {}, el("span", { class: "key" }, swatch("--line", true), line.label, " ", el("b", {}, number(line.value)))));
    }
    if (spec.series.some((series) => series.nan)) list.append(el("li", {}, el("span", { class: "key" }, el("b", {}, "✕"), "not a number")));
    return list;
  }

  /* spec: see report/plots.py, `points`. x: {values, label, head(i), columns}. Returns the uPlot. */
  function make(host, spec, x, { marks = [], sync = null, onPick = null } = {}) {
    host.replaceChildren();
    const data = [x.values, ...spec.series.map(aligned)];
    const dots = ({ values }) => {
      const count = values.filter((v) => v != null).length;
      return count === 1 || (count <= 60 && !(spec.nearest && spec.series.length > FEW));
    };
    const closer = (self) => {
      const [first, last] = self.series[0].idxs || [0, Infinity];
      return first > 0 || last < x.values.length - 1;
    };
    const axis = { stroke: () => css("--soft"), font: "12px system-ui, sans-serif", grid: { stroke: () => css("--grid"), width: 1 },
      ticks: { stroke: () => css("--grid"), width: 1, size: 5 } };
    const tall = host.clientWidth < 480 ? 210 : 250;
    const u = new uPlot({
      width: Math.max(host.clientWidth, 200), height: tall, padding: [marks.length ? 20 : 10, 14, 0, 0],
      legend: { show: false }, focus: { alpha: 0.2 },
      cursor: { points: { size: 8 }, dataIdx: (self, k, i) => (k ? pointOf(spec, k - 1, self.data[0], i) : i), drag: { x: true, y: false }, ...(sync ? { sync: { key: sync } } : {}) },
      scales: {
        x: { time: false, range: (_, low, high) => xRange(low, high) },
        y: { distr: spec.log ? 3 : 1, range: (self, from, to) => yRange(spec, self.series.slice(1).map((s) => s.show), from, to, closer(self)) },
      },
      axes: [
        { ...axis, size: 30, label: x.label, labelSize: 18, labelGap: 0, labelFont: "12px system-ui, sans-serif", space: 56 },
        { ...axis, size: (self, values) => 16 + 7 * Math.max(3, ...(values || []).map((v) => String(v ?? "").length)), space: 34,
          values: (self, splits) => splits.map((v) => (v == null ? "" : number(+v.toPrecision(12)))) },
      ],
      series: [{}, ...spec.series.map((series, k) => ({
        label: series.label, stroke: () => colour(series, k), width: series.faint ? 1.5 : 2, dash: dashed(series, k) ? [7, 4] : undefined,
        spanGaps: false, points: { show: dots(series), size: 5, fill: () => colour(series, k) },
      }))],
      hooks: { drawAxes: [(self) => drawBands(self, spec)], draw: [(self) => drawConstants(self, spec, marks)] },
      plugins: [tooltip(spec, x.head)],
    }, data, host);
    if (onPick) u.over.addEventListener("click", () => { if (u.cursor.idx != null && !u.select.width) onPick(u.cursor.idx); });
    host.after(legend(u, spec));
    numbers(host.parentElement.querySelector("details.numbers"), spec, x);
    host.plot = u;
    all.push(u);
    let width = host.clientWidth;
    new ResizeObserver(() => {
      if (host.clientWidth && host.clientWidth !== width) u.setSize({ width: (width = host.clientWidth), height: tall });
    }).observe(host);
    return u;
  }

  let asked = 0;
  function showHere(x) {
    state.here = x;
    cancelAnimationFrame(asked);
    asked = requestAnimationFrame(() => all.forEach((u) => u.redraw(false, false)));
  }

  /* The numbers of a chart as a table, made when it is opened. x.columns: names and cells before the values. */
  function numbers(fold, spec, x) {
    const row = (tag, cells, attributes) => el("tr", {}, ...cells.map((cell) => el(tag, attributes, cell)));
    const cell = (series, i) => ((series.nan || []).includes(i) ? "not a number" : number(series.values[i]));
    const fill = () => {
      if (!fold.open || fold.querySelector(".scroll")) return;
      const head = [...x.columns.names, ...spec.series.map((series) => series.label)];
      const rows = x.values.map((_, i) => row("td", [...x.columns.cells(i), ...spec.series.map((series) => cell(series, i))], {}));
      fold.append(el("div", { class: "scroll", tabindex: "0" }, el("table", {}, el("thead", {}, row("th", head, { scope: "col" })), el("tbody", {}, ...rows))));
    };
    fold.ontoggle = fill;
  }

  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => all.forEach((u) => u.redraw(false, true)));
  return { make, showHere, number };
})();

/* On every page: pictures that open larger, commands to copy. */
(() => {
  const dialog = document.getElementById("larger");
  for (const button of document.querySelectorAll("button.zoom")) {
    button.addEventListener("click", () => {
      const small = button.querySelector("img"), big = dialog.querySelector("img");
      big.src = small.src;
      big.alt = small.alt;
      big.classList.toggle("smooth", !button.closest(".pixels"));
      dialog.showModal();
    });
  }
  dialog.addEventListener("click", () => dialog.close());

  for (const button of document.querySelectorAll("button.copy")) {
    button.addEventListener("click", async () => {
      const code = button.parentElement.querySelector("code");
      try {
        await navigator.clipboard.writeText(code.textContent);
        button.textContent = "Copied";
      } catch {
        getSelection().selectAllChildren(code);
        button.textContent = "Selected";
      }
      setTimeout(() => { button.textContent = "Copy"; }, 1500);
    });
  }
})();
