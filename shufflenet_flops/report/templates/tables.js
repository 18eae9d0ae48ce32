"use strict";
// Tables that can be sorted by a click on a heading, and filtered where they are long.
(() => {
  const LONG = 12; // rows from which a table gets a filter
  const NUMBER = /^[-+−~]?[\d,]*\.?\d+(?:e[-+]?\d+)?/i;

  const numberIn = (text) => {
    const found = NUMBER.exec(text.trim());
    return found ? Number(found[0].replace(/,/g, "").replace("−", "-").replace("~", "")) : null;
  };

  // Numbers by value and before everything else, which goes by the alphabet; dashes come last.
  const compare = (a, b, sign) => {
    if (a.number !== null && b.number !== null) return sign * (a.number - b.number);
    if (a.number !== null || b.number !== null) return a.number !== null ? -1 : 1;
    return sign * a.text.localeCompare(b.text, "en", { numeric: true });
  };

  const sortBy = (table, heading, column) => {
    const descending = heading.getAttribute("aria-sort") === "ascending" ||
      (!heading.hasAttribute("aria-sort") && heading.classList.contains("figure"));
    const again = heading.getAttribute("aria-sort") === "descending" ? false : descending;
    const body = table.tBodies[0];
    const keyed = [...body.rows].map((row) => {
      const text = row.cells[column].textContent;
      return { row, text, number: heading.classList.contains("figure") ? numberIn(text) : null,
        last: row.classList.contains("total") };
    });
    keyed.sort((a, b) => a.last || b.last ? a.last - b.last : compare(a, b, again ? -1 : 1));
    body.append(...keyed.map((one) => one.row));
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", again ? "descending" : "ascending");
  };

  const addFilter = (table) => {
    const holder = document.createElement("p");
    const label = document.createElement("label");
    const input = document.createElement("input");
    const found = document.createElement("span");
    holder.className = "filter";
    label.htmlFor = input.id = `${table.id}-filter`;
    label.textContent = "filter rows";
    input.type = "search";
    found.setAttribute("role", "status");
    const rows = [...table.tBodies[0].rows];
    const texts = rows.map((row) => row.textContent.toLowerCase());
    input.addEventListener("input", () => {
      const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      rows.forEach((row, i) => {
        row.hidden = !words.every((word) => texts[i].includes(word));
        shown += !row.hidden;
      });
      found.textContent = words.length ? `${shown} of ${rows.length}` : "";
    });
    holder.append(label, input, found);
    table.parentElement.before(holder);
  };

  for (const table of document.querySelectorAll("main table[id]:has(th button)")) {
    [...table.tHead.rows[0].cells].forEach((heading, column) => {
      heading.querySelector("button").addEventListener("click", () => sortBy(table, heading, column));
    });
    if (table.tBodies[0].rows.length >= LONG) addFilter(table);
  }
  // A table is a stop of the keyboard where it is wider than its place, to be scrolled by arrows.
  const stops = new ResizeObserver((changed) => {
    for (const { target } of changed) {
      target.tabIndex = target.scrollWidth > target.clientWidth ? 0 : -1;
    }
  });
  for (const place of document.querySelectorAll(".scroll")) stops.observe(place);
  addEventListener("beforeprint", () => {
    for (const one of document.querySelectorAll("details")) one.open = true;
  });
  document.documentElement.dataset.tables = "ready";
})();
