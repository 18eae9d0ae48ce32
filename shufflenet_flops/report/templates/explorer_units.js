"use strict";
// The explorer: exact integers, as BigInt, from the terms in the page's data.
(() => {
  const data = JSON.parse(document.getElementById("x-data").textContent);
  const NAMES = Object.keys(data.variables);
  const $ = (id) => document.getElementById(id);
  const show = (number) => number.toLocaleString("en-US");
  const { svg, cell, share, barOf } = shares;

  // ---- arithmetic ----------------------------------------------------------------------------

  const { value, holds } = exact;

  // What a unit costs: by kind of layer, and in all.
  const evaluate = (unit, sizes, convention) => {
    const { kinds } = data.units[unit].cases.find((one) => holds(one.when, sizes));
    const weights = Object.entries(data.conventions[convention].weights);
    const total = { count: 0n, params: 0n, activations: 0n, memory: 0n };
    const rows = Object.entries(kinds).map(([kind, part]) => {
      const row = { kind, count: 0n };
      for (const [op, weight] of weights) {
        if (op in part.counts) row.count += BigInt(weight) * value(part.counts[op], sizes);
      }
      row.params = value(part.params, sizes);
      row.activations = value(part.activations, sizes);
      row.memory = value(part.memory_bytes, sizes);
      for (const key of Object.keys(total)) total[key] += row[key];
      return row;
    });
    return { rows, total };
  };

  // ---- rules, which the page has as data -----------------------------------------------------

  const OPERATIONS = {
    "+": (a, b) => a + b, "-": (a, b) => a - b, "*": (a, b) => a * b, "//": (a, b) => a / b,
  };

  // A number, the name of a size, or an operation on two expressions.
  const number = (expression, sizes) => {
    if (typeof expression === "number") return BigInt(expression);
    if (typeof expression === "string") return sizes[expression];
    const [operation, a, b] = expression;
    return OPERATIONS[operation](number(a, sizes), number(b, sizes));
  };

  const rulesOf = (unit, auto) => data.units[unit].rules[auto ? "auto" : "given"];

  // The sentence of the first rule that is broken; texts and expressions come in turn.
  const problemOf = (unit, sizes, auto) => {
    for (const rule of rulesOf(unit, auto)) {
      const size = number(rule.size, sizes), by = number(rule.by, sizes);
      if (size % by !== 0n) {
        return (size < by ? rule.below : rule.above)
          .map((piece, i) => (i % 2 ? number(piece, sizes) : piece)).join("");
      }
    }
    return "";
  };

  const gcd = (a, b) => (b ? gcd(b, a % b) : a);

  // The distance between values of a slider, so that dragging it alone breaks no rule.
  const stepOf = (name, { unit, auto }, sizes) =>
    rulesOf(unit, auto).filter((rule) => rule.size === name).map((rule) => number(rule.by, sizes))
      .reduce((step, by) => step / gcd(step, by) * by, 1n);

  // ---- the setting, which the address keeps --------------------------------------------------

  const initial = () => ({ convention: "paper", ...data.start });

  const fromAddress = () => {
    const setting = initial();
    if (!location.hash.includes("=")) return setting;
    const given = new URLSearchParams(location.hash.slice(1));
    if (Object.hasOwn(data.units, given.get("unit") ?? "")) setting.unit = given.get("unit");
    if (Object.hasOwn(data.conventions, given.get("convention") ?? "")) {
      setting.convention = given.get("convention");
    }
    for (const name of NAMES) if (given.has(name)) setting[name] = given.get(name).slice(0, 40);
    setting.auto = !given.has("m");
    return setting;
  };

  const toAddress = (setting) => {
    const kept = new URLSearchParams({ unit: setting.unit });
    for (const name of NAMES) if (name !== "m" || !setting.auto) kept.set(name, setting[name]);
    kept.set("convention", setting.convention);
    history.replaceState(null, "", `#${kept}`);
  };

  const sizesOf = (setting) => {
    const sizes = {};
    for (const name of NAMES) {
      if (name === "m" && setting.auto) continue;
      const text = setting[name].trim();
      if (!/^\d+$/.test(text) || BigInt(text) < 1n) {
        return { bad: name, problem: `${name}: ${text} is not a whole number of at least 1` };
      }
      sizes[name] = BigInt(text);
    }
    if (setting.auto) sizes.m = number(data.auto, sizes);
    return { sizes };
  };

  // ---- the page ------------------------------------------------------------------------------

  // As many units wide as the page shows pixels, so that text has the same size at any width.
  const canvas = (picture) => Math.max(300, Math.min(640, picture.clientWidth || 640));

  const PREFIXES = [[10n ** 18n, "E"], [10n ** 15n, "P"], [10n ** 12n, "T"], [10n ** 9n, "G"],
    [10n ** 6n, "M"], [10n ** 3n, "k"], [1n, ""]];
  const scaleFor = (largest) => PREFIXES.find(([size]) => largest >= size) ?? PREFIXES.at(-1);
  const short = (count, [size, prefix]) =>
    `${(Number(count) / Number(size)).toLocaleString("en-US", { maximumSignificantDigits: 4 })} ${prefix}`;

  const drawBars = (setting, all) => {
    const picture = $("x-bars");
    const wide = canvas(picture);
    const unit = data.conventions[setting.convention].unit;
    const largest = Object.values(all).reduce((most, one) =>
      one.total && one.total.count > most ? one.total.count : most, 1n);
    const scale = scaleFor(largest);
    const parts = [];
    const legend = new Map();
    Object.entries(all).forEach(([name, one], i) => {
      const y = 14 + 40 * i;
      parts.push(svg("text", { x: 0, y: y + 19, "font-weight": name === setting.unit ? 700 : 400 }, name));
      if (!one.total) {
        parts.push(svg("text", { x: 100, y: y + 19, class: "soft" }, "not at this setting"));
        return;
      }
      let x = 100;
      for (const row of one.rows.filter((part) => part.count > 0n)) {
        const width = (wide - 215) * Number(row.count) / Number(largest);
        const colour = data.colours[row.kind] ?? "#9ca3af";
        legend.set(row.kind, colour);
        parts.push(svg("rect", { x, y, width, height: 26, fill: colour }));
        x += width;
      }
      parts.push(svg("text", { x: x + 6, y: y + 19 }, short(one.total.count, scale) + unit));
    });
    const left = wide < 500 ? 0 : 100;
    let x = left, y = 150;
    for (const [kind, colour] of legend) {
      const width = 26 + 8 * kind.length;
      if (x > left && x + width > wide) { x = left; y += 24; }
      parts.push(svg("rect", { x, y: y - 10, width: 11, height: 11, fill: colour }));
      parts.push(svg("text", { x: x + 16, y, class: "soft" }, kind));
      x += width;
    }
    picture.setAttribute("viewBox", `0 0 ${wide} ${y + 14}`);
    picture.replaceChildren(...parts);
  };

  const DASHES = ["6 3", "2 3", ""];

  // Round numbers from 0 to the first that is no less than the largest.
  const ticksTo = (largest) => {
    const rough = largest / 4;
    const decade = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((one) => one * decade).find((one) => one >= rough);
    return Array.from({ length: Math.ceil(largest / step) + 1 }, (_, i) => Number((i * step).toPrecision(12)));
  };

  const drawLines = (setting, sizes) => {
    const picture = $("x-lines");
    const wide = canvas(picture);
    const unit = data.conventions[setting.convention].unit;
    const most = BigInt(data.variables.g.max);
    const series = Object.keys(data.units).map((name) => {
      const points = [];
      for (let g = 1n; g <= most; g += 1n) {
        const here = { ...sizes, g };
        if (!problemOf(name, here, setting.auto)) {
          points.push([g, evaluate(name, here, setting.convention).total.count]);
        }
      }
      return [name, points];
    });
    const counts = series.flatMap(([, points]) => points.map(([, count]) => count));
    const largest = counts.reduce((a, b) => (b > a ? b : a), 1n);
    const scale = scaleFor(largest);
    const left = 48, right = wide - 95, top = 30, bottom = 224;
    const ticks = ticksTo(Number(largest) / Number(scale[0]));
    const highest = ticks.at(-1) * Number(scale[0]);
    const xOf = (g) => left + (right - left) * Math.log2(Number(g)) / Math.log2(Number(most));
    const yOf = (count) => bottom - (bottom - top) * Number(count) / highest;
    const parts = [];
    for (const tick of ticks) {
      const y = yOf(tick * Number(scale[0]));
      parts.push(svg("line", { x1: left, x2: right, y1: y, y2: y }));
      parts.push(svg("text", { x: left - 8, y: y + 5, "text-anchor": "end", class: "soft" },
        tick.toLocaleString("en-US")));
    }
    parts.push(svg("text", { x: 0, y: 13, class: "soft" }, scale[1] + unit));
    for (let g = 1; g <= Number(most); g *= 2) {
      parts.push(svg("text", { x: xOf(g), y: bottom + 20, "text-anchor": "middle", class: "soft" }, g));
    }
    parts.push(svg("text", { x: (left + right) / 2, y: bottom + 42, "text-anchor": "middle", class: "soft" }, "groups g"));
    picture.setAttribute("viewBox", `0 0 ${wide} ${bottom + 50}`);
    const ends = [];
    for (const [i, [name, points]] of series.entries()) {
      if (!points.length) continue;
      const colour = data.line_colours[i % data.line_colours.length];
      const dash = DASHES[i % DASHES.length];
      parts.push(svg("polyline", { points: points.map(([g, count]) => `${xOf(g)},${yOf(count)}`).join(" "),
        fill: "none", stroke: colour, "stroke-width": name === setting.unit ? 3 : 1.6, "stroke-dasharray": dash }));
      for (const [g, count] of data.units[name].variables.includes("g") ? points : []) {
        parts.push(svg("circle", { cx: xOf(g), cy: yOf(count), r: g === sizes.g ? 6 : 3, fill: colour }));
      }
      const [g, count] = points.at(-1);
      ends.push({ name, x: xOf(g) + 10, y: yOf(count) + 5 });
    }
    // Names at the lines' ends, moved apart where they would meet.
    ends.sort((a, b) => a.y - b.y);
    ends.forEach((one, i) => {
      if (i && Math.abs(one.x - ends[i - 1].x) < 90) one.y = Math.max(one.y, ends[i - 1].y + 18);
      parts.push(svg("text", { x: one.x, y: one.y, "font-weight": one.name === setting.unit ? 700 : 400 }, one.name));
    });
    picture.replaceChildren(...parts);
  };

  const put = (id, number) => {
    $(id).textContent = show(number);
    $(id).dataset.value = String(number);
  };

  const drawNumbers = (setting, sizes, found) => {
    const { unit, meaning } = data.conventions[setting.convention];
    const formula = data.units[setting.unit].formulas[setting.convention];
    $("x-symbols").textContent = formula.replace(/\*\*2/g, "²").replace(/\*/g, "·");
    $("x-numbers").textContent = formula.replace(/\b[cmghw]\b/g, (name) => String(sizes[name]))
      .replace(/\*\*2/g, "²").replace(/\*/g, "·");
    $("x-counted").textContent = `${unit}s`;
    $("x-unit").textContent = `${unit}s in the ${setting.unit} unit`;
    $("x-meaning").textContent = `${setting.convention}: ${meaning}`.replace(/`/g, "");
    put("x-total", found.total.count);
    put("x-params", found.total.params);
    put("x-memory", found.total.memory);
    put("x-activations", found.total.activations);
    const byCount = [...found.rows].sort((a, b) => (a.count < b.count ? 1 : a.count > b.count ? -1 : 0));
    const rows = byCount.map((row) => {
      const made = document.createElement("tr");
      made.dataset.kind = row.kind;
      made.dataset.count = String(row.count);
      const figure = (text) => cell("td", text, "figure");
      made.append(cell("th", row.kind), figure(row.count > 0n ? show(row.count) : "–"),
        figure(share(row.count, found.total.count)), barOf(row.count, found.total.count),
        figure(row.params > 0n ? show(row.params) : "–"), figure(show(row.memory)));
      return made;
    });
    $("x-shares").tBodies[0].replaceChildren(...rows);
  };

  const putControls = (setting, sizes) => {
    const uses = data.units[setting.unit].variables;
    for (const group of ["unit", "convention"]) {
      for (const radio of document.querySelectorAll(`#x-form input[name=${group}]`)) {
        radio.checked = radio.value === setting[group];
      }
    }
    $("x-auto").checked = setting.auto;
    for (const name of NAMES) {
      const box = $(`x-${name}`), range = $(`x-${name}-range`);
      if (document.activeElement !== box || box.value === "") box.value = setting[name];
      if (sizes) {
        const step = stepOf(name, setting, sizes);
        range.min = range.step = String(step);
        range.max = String(BigInt(data.variables[name].max) / step * step || step);
      }
      range.value = setting[name];
      box.disabled = range.disabled = !uses.includes(name) || (name === "m" && setting.auto);
    }
  };

  const render = (setting) => {
    const { sizes, bad, problem } = sizesOf(setting);
    if (sizes && setting.auto) setting.m = String(sizes.m);
    putControls(setting, sizes);
    for (const name of NAMES) $(`x-${name}`).setAttribute("aria-invalid", String(name === bad));
    const wrong = problem ?? problemOf(setting.unit, sizes, setting.auto);
    $("x-problem").textContent = wrong;
    for (const part of document.querySelectorAll(".x-result")) {
      part.dataset.stale = String(Boolean(wrong));
      part.hidden = Boolean(wrong) && !$("x-total").textContent;
    }
    if (wrong) return;
    const all = {};
    for (const name of Object.keys(data.units)) {
      all[name] = problemOf(name, sizes, setting.auto) ? {} : evaluate(name, sizes, setting.convention);
    }
    drawNumbers(setting, sizes, all[setting.unit]);
    drawBars(setting, all);
    drawLines(setting, sizes);
  };

  let setting = fromAddress();
  const change = (changes) => {
    setting = { ...setting, ...changes };
    render(setting);
    toAddress(setting);
  };
  for (const radio of document.querySelectorAll("#x-form input[type=radio]")) {
    radio.addEventListener("change", () => change({ [radio.name]: radio.value }));
  }
  for (const name of NAMES) {
    for (const id of [`x-${name}`, `x-${name}-range`]) {
      $(id).addEventListener("input", () => change({ [name]: $(id).value }));
    }
  }
  $("x-auto").addEventListener("change", () => change({ auto: $("x-auto").checked }));
  $("x-form").addEventListener("submit", (event) => event.preventDefault());
  addEventListener("resize", () => render(setting));
  addEventListener("hashchange", () => {
    if (location.hash.includes("=")) render(setting = fromAddress());
  });
  render(setting);
  if (location.hash.includes("=")) $("explorer").scrollIntoView();
  document.documentElement.dataset.explorer = "ready";
})();
