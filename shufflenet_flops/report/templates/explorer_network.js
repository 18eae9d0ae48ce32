"use strict";
// A network at another width, number of groups or resolution: exact integers from its closed form.
(() => {
  const data = JSON.parse(document.getElementById("x-data").textContent);
  const $ = (id) => document.getElementById(id);
  const show = (number) => number.toLocaleString("en-US");
  const { cell, share, barOf } = shares;
  const groups = Object.keys(data.widths).map(Number);
  const METRICS = ["count", "params", "memory_bytes", "activations"];
  const WIDEST = 2; // times the page's own width
  const LARGEST = 2; // times the page's own height

  // What the network costs: by kind of layer, and in all.
  const evaluate = ({ c, g, h, w }) => {
    const step = BigInt(data.size_step || 1);
    const sizes = { c, g, u: h / step, v: w / step };
    const { kinds } = data.cases.find((one) => exact.holds(one.when, sizes));
    const total = Object.fromEntries(METRICS.map((metric) => [metric, 0n]));
    const rows = Object.entries(kinds).map(([kind, forms]) => {
      const row = { kind };
      for (const metric of METRICS) {
        row[metric] = exact.value(forms[metric].terms, sizes, BigInt(forms[metric].over));
        total[metric] += row[metric];
      }
      return row;
    });
    return { rows, total };
  };

  const start = Object.fromEntries(Object.entries(data.start).map(([name, size]) => [name, BigInt(size)]));
  start.g ??= 1n;
  const own = evaluate(start);
  let setting = { ...start };

  const stepOf = () => BigInt(data.widths[setting.g].step);
  const least = () => BigInt(data.widths[setting.g].least);
  const problemOf = (text) => {
    if (!/^\d+$/.test(text)) return `c: ${text.slice(0, 40)} is not a whole number of at least 1`;
    const c = BigInt(text), step = stepOf();
    const below = c / step * step > least() ? c / step * step : least();
    if (c < least()) return `c=${c}: must be at least ${least()}`;
    return c % step ? `c=${c} must be divisible by ${step}; nearest are ${below} and ${below + step}` : "";
  };

  const ratio = (here, there) => (!there ? "" : here === there ? "as on this page"
    : `${(Number(here * 10000n / there) / 10000).toFixed(3)} times this page's`);

  const render = (problem = "") => {
    $("n-problem").textContent = problem;
    $("n-c").setAttribute("aria-invalid", String(Boolean(problem)));
    for (const part of document.querySelectorAll(".x-result")) part.dataset.stale = String(Boolean(problem));
    if (problem) return;
    const { rows, total } = evaluate(setting);
    $("n-c").value = setting.c;
    const range = $("n-c-range");
    range.min = least();
    range.step = stepOf();
    range.max = least() + (BigInt(WIDEST) * start.c - least()) / stepOf() * stepOf();
    range.value = setting.c;
    if ($("n-g")) {
      $("n-g-range").value = groups.indexOf(Number(setting.g));
      $("n-g").textContent = setting.g;
      $("n-g-range").setAttribute("aria-valuetext", `${setting.g} groups`);
    }
    if ($("n-size")) {
      $("n-size-range").value = setting.h;
      $("n-size").textContent = `${setting.h}×${setting.w}`;
    }
    const places = { count: "total" };
    for (const metric of METRICS) {
      const id = `n-${places[metric] ?? metric}`;
      $(id).textContent = show(total[metric]);
      $(id).dataset.value = total[metric];
      $(`${id}-ratio`).textContent = ratio(total[metric], own.total[metric]);
    }
    const most = rows.reduce((largest, row) => (row.count > largest ? row.count : largest), 0n);
    const there = Object.fromEntries(own.rows.map((row) => [row.kind, row.count]));
    const ordered = rows.filter((row) => row.count || there[row.kind]).sort((a, b) => (a.count < b.count ? 1 : -1));
    $("n-shares").tBodies[0].replaceChildren(...ordered.map((row) => {
      const line = document.createElement("tr");
      line.append(cell("th", row.kind), cell("td", show(row.count), "figure"),
        cell("td", share(row.count, total.count), "figure"),
        cell("td", share(there[row.kind] ?? 0n, own.total.count), "figure"),
        barOf(row.count, most, data.colours[row.kind] ?? "#9ca3af"));
      return line;
    }));
  };

  for (const id of ["n-c", "n-c-range"]) {
    $(id).addEventListener("input", () => {
      const problem = problemOf($(id).value.trim());
      if (!problem) setting.c = BigInt($(id).value.trim());
      render(problem);
    });
  }
  // The width stays as near to what it was as the groups let it.
  $("n-g-range")?.addEventListener("input", () => {
    setting.g = BigInt(groups[$("n-g-range").value]);
    const nearest = (setting.c + stepOf() / 2n) / stepOf() * stepOf();
    setting.c = nearest > least() ? nearest : least();
    render();
  });
  $("n-size-range")?.addEventListener("input", () => {
    setting.h = BigInt($("n-size-range").value);
    setting.w = setting.h;
    render();
  });
  $("n-reset").addEventListener("click", () => { setting = { ...start }; render(); });
  $("x-form").addEventListener("submit", (event) => event.preventDefault());
  if ($("n-g-range")) $("n-g-range").max = groups.length - 1;
  if ($("n-size-range")) {
    const range = $("n-size-range");
    range.step = data.size_step;
    range.min = data.least_size;
    range.max = LARGEST * data.start.h;
  }
  render();
  document.documentElement.dataset.explorer = "ready";
})();
