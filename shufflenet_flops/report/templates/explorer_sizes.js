"use strict";
// A model at other sizes of its inputs: exact integers from its closed form, floors and all.
(() => {
  const data = JSON.parse(document.getElementById("x-data").textContent);
  const $ = (id) => document.getElementById(id);
  const show = (number) => number.toLocaleString("en-US");
  const { cell, share, barOf } = shares;

  const floor = (over, under) => (over - ((over % under) + under) % under) / under;
  const valueOf = (atom, sizes) => (typeof atom === "string" ? sizes[atom]
    : floor(BigInt(atom[1]) * valueOf(atom[0], sizes) + BigInt(atom[2]), BigInt(atom[3])));
  const sum = ({ over, terms }, sizes) => terms.reduce((total, [coefficient, powers]) =>
    total + powers.reduce((product, [atom, power]) => product * valueOf(atom, sizes) ** BigInt(power), BigInt(coefficient)),
  0n) / BigInt(over);

  const isIn = (range, size) => size >= BigInt(range.least)
    && (size - BigInt(range.least)) % BigInt(range.step) === 0n
    && (range.most === null || size <= BigInt(range.most))
    && range.without.every(([step, rest]) => size % BigInt(step) !== BigInt(rest));
  const caseOf = (sizes) => data.cases.find(({ ranges }) =>
    Object.entries(ranges).every(([name, range]) => isIn(range, sizes[name])));
  const evaluate = (sizes) => {
    const rows = caseOf(sizes).parts.map((part) => ({ name: part.name, value: sum(part, sizes) }));
    return { rows, total: rows.reduce((total, row) => total + row.value, 0n) };
  };

  const start = Object.fromEntries(Object.entries(data.start).map(([name, size]) => [name, BigInt(size)]));
  let setting = { ...start };
  // The model's own sizes are in the first case, or in none where the formula is for others alone.
  const own = caseOf(start) ? evaluate(start) : { rows: [], total: 0n };

  const problemOf = (name, text) => {
    if (!/^\d{1,30}$/.test(text)) return `${name}: ${text.slice(0, 40)} is not a whole number of at least 1`;
    const sizes = withSize(name, BigInt(text));
    if (caseOf(sizes)) return "";
    const given = Object.entries(sizes).map(([other, size]) => `${other}=${size}`).join(", ");
    return `${given}: the formula is for ${data.cases.map((one) => one.rules).join(" or ")}`;
  };
  const withSize = (name, size) => {
    const names = data.tied.includes(name) ? data.tied : [name];
    return { ...setting, ...Object.fromEntries(names.map((other) => [other, size])) };
  };

  const ratio = (here, there) => (!there ? "" : here === there ? "as at its own sizes"
    : `${(Number(here * 10000n / there) / 10000).toFixed(3)} times that of its own sizes`);

  const render = (problem = "", wrong = "") => {
    $("s-problem").textContent = problem;
    for (const { name } of data.sizes) $(`s-${name}`).setAttribute("aria-invalid", String(name === wrong));
    for (const part of document.querySelectorAll(".x-result")) part.dataset.stale = String(Boolean(problem));
    if (problem) return;
    for (const { name } of data.sizes) {
      $(`s-${name}`).value = setting[name];
      $(`s-${name}-range`).value = setting[name];
    }
    const { rows, total } = evaluate(setting);
    $("s-total").textContent = show(total);
    $("s-total").dataset.value = total;
    $("s-total-ratio").textContent = ratio(total, own.total);
    const most = rows.reduce((largest, row) => (row.value > largest ? row.value : largest), 0n);
    const there = Object.fromEntries(own.rows.map((row) => [row.name, row.value]));
    $("s-shares").tBodies[0].replaceChildren(...rows.map((row) => {
      const line = document.createElement("tr");
      line.append(cell("th", row.name), cell("td", show(row.value), "figure"),
        cell("td", share(row.value, total), "figure"),
        cell("td", share(there[row.name] ?? 0n, own.total), "figure"), barOf(row.value, most));
      return line;
    }));
  };

  for (const { name, least, most, step } of data.sizes) {
    const range = $(`s-${name}-range`);
    Object.assign(range, { min: least, max: most, step });
    for (const id of [`s-${name}`, `s-${name}-range`]) {
      $(id).addEventListener("input", () => {
        const text = $(id).value.trim();
        const problem = problemOf(name, text);
        if (!problem) setting = withSize(name, BigInt(text));
        render(problem, name);
      });
    }
  }
  $("s-reset").addEventListener("click", () => { setting = { ...start }; render(); });
  $("x-form").addEventListener("submit", (event) => event.preventDefault());
  render();
  document.documentElement.dataset.explorer = "ready";
})();
