"use strict";
// The atlas: networks by MACs and another count, a line for each family, and a card for each network.
(() => {
  const all = JSON.parse(document.getElementById("a-data").textContent);
  const families = [...new Set(all.map((one) => one.family))];
  const [words, axis, count, plot, card] = ["words", "axis", "count", "plot", "card"]
    .map((name) => document.getElementById(`a-${name}`));
  const LEFT = 70, RIGHT = 20, TOP = 15, BOTTOM = 45, WIDTH = 960, HEIGHT = 520;
  const SVG = "http://www.w3.org/2000/svg";

  const svg = (name, attributes, text) => {
    const made = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    if (text !== undefined) made.textContent = text;
    return made;
  };
  const html = (name, text, className) => {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    if (className) made.className = className;
    return made;
  };
  const short = (value) => {
    for (const [size, prefix] of [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]]) {
      if (value >= size) return `${+(value / size).toPrecision(4)} ${prefix}`;
    }
    return `${+value.toPrecision(4)}`;
  };
  const colour = (family) => `hsl(${families.indexOf(family) * 137.5 % 360} 60% 50%)`;

  // A scale from values to pixels, logarithmic or not, with its ticks.
  const scale = (values, from, to, logarithmic) => {
    const at = logarithmic ? Math.log10 : (value) => value;
    let [low, high] = [Math.min(...values), Math.max(...values)].map(at);
    const room = (high - low || 1) * 0.04;
    [low, high] = [low - room, high + room];
    const place = (value) => from + (at(value) - low) / (high - low) * (to - from);
    const ticks = [];
    if (logarithmic) {
      for (let power = Math.floor(low); power <= high; power++) {
        for (const digit of [1, 2, 5]) {
          const value = digit * 10 ** power;
          if (at(value) >= low && at(value) <= high) ticks.push(value);
        }
      }
    } else {
      const step = Math.max(1, Math.round((high - low) / 6));
      for (let value = Math.ceil(low / step) * step; value <= high; value += step) ticks.push(value);
    }
    return { place, ticks };
  };

  // The networks that no other beats: fewer MACs, and more accuracy or less of anything else.
  const front = (shown, key) => {
    const better = (a, b) => key === "accuracy" ? a > b : a < b;
    const kept = [];
    for (const one of [...shown].sort((a, b) => a.macs - b.macs || a.name.localeCompare(b.name))) {
      if (!kept.length || better(one[key], kept[kept.length - 1][key])) kept.push(one);
    }
    return kept;
  };

  const chosen = () => {
    const wanted = words.value.toLowerCase().split(/[\s,]+/).filter(Boolean);
    return all.filter((one) => !wanted.length || wanted.some((word) => one.name.includes(word)));
  };

  const draw = () => {
    const key = axis.value;
    const matching = chosen();
    const shown = matching.filter((one) => one[key] !== null);
    count.textContent = `${shown.length} of ${all.length} shown` +
      (shown.length < matching.length ? `; ${matching.length - shown.length} have no such figure` : "");
    plot.replaceChildren();
    if (!shown.length) return;
    const x = scale(shown.map((one) => one.macs), LEFT, WIDTH - RIGHT, true);
    const y = scale(shown.map((one) => one[key]), HEIGHT - BOTTOM, TOP, key !== "accuracy");
    for (const tick of x.ticks) {
      const at = x.place(tick);
      plot.append(svg("line", { x1: at, x2: at, y1: TOP, y2: HEIGHT - BOTTOM, class: "grid" }),
        svg("text", { x: at, y: HEIGHT - BOTTOM + 18, "text-anchor": "middle" }, short(tick)));
    }
    for (const tick of y.ticks) {
      const at = y.place(tick);
      plot.append(svg("line", { x1: LEFT, x2: WIDTH - RIGHT, y1: at, y2: at, class: "grid" }),
        svg("text", { x: LEFT - 8, y: at + 4, "text-anchor": "end" }, short(tick)));
    }
    plot.append(svg("text", { x: WIDTH - RIGHT, y: HEIGHT - 6, "text-anchor": "end" }, "MACs"));
    const line = (of, attributes) => plot.append(svg("polyline", { fill: "none",
      points: of.map((one) => `${x.place(one.macs)},${y.place(one[key])}`).join(" "), ...attributes }));
    for (const family of families) {
      const own = shown.filter((one) => one.family === family).sort((a, b) => a.macs - b.macs);
      if (own.length > 1) line(own, { stroke: colour(family), "stroke-opacity": 0.45 });
    }
    line(front(shown, key), { class: "front", "stroke-dasharray": "5 4" });
    for (const one of shown) {
      const dot = svg("circle", { cx: x.place(one.macs), cy: y.place(one[key]), r: 5,
        fill: colour(one.family), tabindex: 0, role: "button", "aria-label": one.name });
      dot.append(svg("title", {}, `${one.name}: ${short(one.macs)}MAC, ${short(one.params)} params`));
      dot.addEventListener("click", () => open(one));
      dot.addEventListener("keydown", (event) => {
        if (event.key === "Enter" || event.key === " ") { event.preventDefault(); open(one); }
      });
      plot.append(dot);
    }
  };

  const open = (one) => {
    location.hash = `network=${one.name}`;
    const facts = html("dl", undefined, "about");
    const fact = (name, value) => facts.append(html("dt", name), html("dd", value));
    const exact = (value) => value.toLocaleString("en");
    fact("family", `${one.family}: ${one.source}`);
    fact("input", one.input);
    fact("MACs", exact(one.macs));
    fact("parameters", exact(one.params));
    fact("activations", exact(one.activations));
    fact("memory access", `${exact(one.memory)} bytes`);
    fact("training step", `${exact(one.training)} MACs, forward and backward`);
    fact("share of MACs", Object.entries(one.shares).sort((a, b) => b[1] - a[1])
      .map(([kind, macs]) => `${kind} ${(100 * macs / one.macs).toFixed(1)} %`).join(", "));
    if (one.formula) fact("closed form", `MACs = ${one.formula}`);
    fact("count it", `shufflenet-flops count ${one.name}`);
    const parts = [html("h3", one.name), facts];
    if (one.published.length) {
      const table = html("table");
      const head = table.createTHead().insertRow();
      for (const name of ["published in", "row", "figure", "printed = computed", "convention"]) {
        const cell = html("th", name);
        cell.scope = "col";
        head.append(cell);
      }
      const body = table.createTBody();
      for (const figures of one.published) {
        const row = body.insertRow();
        for (const text of figures) row.append(html("td", text));
      }
      const scroll = html("div", undefined, "scroll");
      scroll.append(table);
      parts.push(scroll);
    } else parts.push(html("p", "Nothing that the tables here have was published of it.", "quiet"));
    card.replaceChildren(...parts);
  };

  words.addEventListener("input", draw);
  axis.addEventListener("change", draw);
  document.getElementById("a-form").addEventListener("submit", (event) => event.preventDefault());
  const fromAddress = () => {
    const name = /^#network=(\w+)$/.exec(location.hash);
    const one = name && all.find((other) => other.name === name[1]);
    if (one) open(one);
  };
  addEventListener("hashchange", fromAddress);
  draw();
  fromAddress();
  document.documentElement.dataset.atlas = "ready";
})();
