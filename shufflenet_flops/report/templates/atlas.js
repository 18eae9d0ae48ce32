"use strict";
// The atlas: networks by any two figures, a line for each family, and a card for each network.
(() => {
  const { engines, networks: all } = JSON.parse(document.getElementById("a-data").textContent);
  const families = [...new Set(all.map((one) => one.family))];
  const [words, axis, against, count, plot, card] =
    ["words", "axis", "against", "count", "plot", "card"]
      .map((name) => document.getElementById(`a-${name}`));
  const LEFT = 78, RIGHT = 20, TOP = 15, BOTTOM = 45, WIDTH = 960, HEIGHT = 520;
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
  const time = (seconds) => `${+(1000 * seconds).toPrecision(3)} ms`;

  // What a network can be placed by: its name in lists and on axes, its value, and how it is written.
  // More of it is worse, but for `good` ones; `linear` ones have no logarithmic axis.
  const of = (key, title, write = short, more = {}) =>
    [key, { title, value: (one) => one[key], write, ...more }];
  const figures = Object.fromEntries([
    of("accuracy", "top-1 accuracy, as printed", (value) => `${value} %`, { good: true, linear: true }),
    of("macs", "MACs"),
    of("params", "parameters"),
    of("activations", "activations"),
    of("memory", "memory access in bytes"),
    of("training", "MACs of a training step"),
    ...Object.keys(engines).map((engine, place) => of(`time-${engine}`, `predicted time, ${engine}`,
      time, { value: (one) => one.times[place] })),
  ]);
  for (const [key, { title }] of Object.entries(figures)) {
    for (const [list, first] of [[axis, "accuracy"], [against, "macs"]]) {
      list.append(new Option(title, key, key === first, key === first));
    }
  }

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

  // The networks that no other beats: at least as good in one figure, and better in the other.
  const front = (shown, first, second) => {
    const loss = ({ good, value }) => (one) => good ? -value(one) : value(one);
    const [one, other] = [loss(first), loss(second)];
    const kept = [];
    for (const network of [...shown].sort((a, b) => one(a) - one(b) || other(a) - other(b))) {
      if (!kept.length || other(network) < other(kept[kept.length - 1])) kept.push(network);
    }
    return kept;
  };

  const chosen = () => {
    const wanted = words.value.toLowerCase().split(/[\s,]+/).filter(Boolean);
    return all.filter((one) => !wanted.length || wanted.some((word) => one.name.includes(word)));
  };

  // The dots, each with its network; a click takes the nearest, if it is as near as a finger hits.
  let dots = [];
  const NEAR = 24;
  const pick = (event) => {
    const distance = ([dot]) => {
      const { left, top, width, height } = dot.getBoundingClientRect();
      return Math.hypot(left + width / 2 - event.clientX, top + height / 2 - event.clientY);
    };
    const [nearest] = dots.map((entry) => [distance(entry), entry[1]]).sort((a, b) => a[0] - b[0]);
    if (nearest && nearest[0] <= NEAR) open(nearest[1]);
  };

  const draw = () => {
    const [across, up] = [figures[against.value], figures[axis.value]];
    const matching = chosen();
    const shown = matching.filter((one) => up.value(one) !== null && across.value(one) !== null);
    count.textContent = `${shown.length} of ${all.length} shown` +
      (shown.length < matching.length ? `; ${matching.length - shown.length} have no such figure` : "");
    plot.replaceChildren();
    dots = [];
    plot.setAttribute("aria-label", `Networks: ${up.title} against ${across.title}`);
    if (!shown.length) return;
    const x = scale(shown.map(across.value), LEFT, WIDTH - RIGHT, !across.linear);
    const y = scale(shown.map(up.value), HEIGHT - BOTTOM, TOP, !up.linear);
    for (const tick of x.ticks) {
      const at = x.place(tick);
      plot.append(svg("line", { x1: at, x2: at, y1: TOP, y2: HEIGHT - BOTTOM, class: "grid" }),
        svg("text", { x: at, y: HEIGHT - BOTTOM + 18, "text-anchor": "middle" }, across.write(tick)));
    }
    for (const tick of y.ticks) {
      const at = y.place(tick);
      plot.append(svg("line", { x1: LEFT, x2: WIDTH - RIGHT, y1: at, y2: at, class: "grid" }),
        svg("text", { x: LEFT - 8, y: at + 4, "text-anchor": "end" }, up.write(tick)));
    }
    plot.append(svg("text", { x: WIDTH - RIGHT, y: HEIGHT - 6, "text-anchor": "end" }, across.title));
    const sorted = (networks) => networks.sort((a, b) => across.value(a) - across.value(b));
    const line = (networks, attributes) => plot.append(svg("polyline", { fill: "none",
      points: networks.map((one) => `${x.place(across.value(one))},${y.place(up.value(one))}`).join(" "),
      ...attributes }));
    for (const family of families) {
      const own = sorted(shown.filter((one) => one.family === family));
      if (own.length > 1) line(own, { stroke: colour(family), "stroke-opacity": 0.45 });
    }
    line(front(shown, across, up), { class: "front", "stroke-dasharray": "5 4" });
    for (const one of shown) {
      const dot = svg("circle", { cx: x.place(across.value(one)), cy: y.place(up.value(one)), r: 5,
        fill: colour(one.family), tabindex: 0, role: "button", "aria-label": one.name });
      dot.append(svg("title", {}, `${one.name}: ${up.write(up.value(one))}, ` +
        `${across.write(across.value(one))}`));
      dots.push([dot, one]);
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
    Object.entries(engines).forEach(([engine, calibration], place) => {
      const seconds = one.times[place];
      fact(`time, ${engine}`, seconds === null ? "not known: kernels like none that was measured"
        : `${time(seconds)}, predicted for ${calibration}`);
    });
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
      scroll.tabIndex = 0; // so that a keyboard can scroll it
      scroll.setAttribute("role", "region");
      scroll.setAttribute("aria-label", `Published figures of ${one.name}`);
      scroll.append(table);
      parts.push(scroll);
    } else parts.push(html("p", "Nothing that the tables here have was published of it.", "quiet"));
    card.replaceChildren(...parts);
  };

  plot.addEventListener("click", pick);
  words.addEventListener("input", draw);
  for (const list of [axis, against]) list.addEventListener("change", draw);
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
