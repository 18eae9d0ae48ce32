"use strict";
// Tables that are sorted by a click on a heading, and have tools where they are long.
(() => {
  const LONG = 12; // rows from which a table has tools
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

  // Rows go together with the leaves below them; what sums them up stays last.
  const groupsOf = (body) => {
    const groups = [];
    for (const row of body.rows) {
      if (row.classList.contains("leaf") && groups.length) groups.at(-1).push(row);
      else groups.push([row]);
    }
    return groups;
  };

  const sortBy = (table, heading, column) => {
    const descending = heading.getAttribute("aria-sort") === "ascending" ||
      (!heading.hasAttribute("aria-sort") && heading.classList.contains("figure"));
    const again = heading.getAttribute("aria-sort") === "descending" ? false : descending;
    const body = table.tBodies[0];
    const keyed = groupsOf(body).map((rows) => {
      const { textContent: text, dataset: { value } } = rows[0].cells[column];
      const number = value === undefined ? numberIn(text) : Number(value);
      return { rows, text, number: heading.classList.contains("figure") ? number : null,
        last: rows[0].classList.contains("total") };
    });
    keyed.sort((a, b) => a.last || b.last ? a.last - b.last : compare(a, b, again ? -1 : 1));
    body.append(...keyed.flatMap((one) => one.rows));
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", again ? "descending" : "ascending");
  };

  const make = (name, properties = {}, ...children) => {
    const made = Object.assign(document.createElement(name), properties);
    made.append(...children);
    return made;
  };

  // ---- what a long table has above it: a filter, its columns, copy and a file ------------------

  const headings = (table) => [...table.tHead.rows[0].cells];

  // What is shown, line by line; figures in full where the table knows them.
  const linesOf = (table) => {
    const kept = headings(table).map((cell) => !cell.hidden && cell.tagName === "TH");
    const only = (cells) => [...cells].filter((_, i) => kept[i]);
    const titles = only(headings(table)).map((cell) => cell.dataset.name || cell.textContent.replace(/\s+/g, " "));
    const rows = [...table.tBodies[0].rows].filter((row) => !row.hidden);
    return [titles, ...rows.map((row) => only(row.cells).map((cell) => cell.dataset.value ?? cell.textContent))];
  };
  // No spreadsheet takes a text for a formula.
  const inert = (text) => (/^[=+\-@\t\r]/.test(text) && numberIn(text) === null ? `'${text}` : text);
  const quoted = (text) => (/[",\n\r]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text);
  const csv = (table) => linesOf(table).map((line) => line.map(inert).map(quoted).join(",")).join("\n") + "\n";
  const tsv = (table) =>
    linesOf(table).map((line) => line.map(inert).map((text) => text.replace(/\s+/g, " ")).join("\t")).join("\n");

  const columnsOf = (table) => {
    const list = make("div", { className: "menu" });
    headings(table).forEach((heading, column) => {
      if (!column || heading.tagName !== "TH") return;
      const box = make("input", { type: "checkbox", checked: true });
      box.addEventListener("change", () => {
        for (const row of table.rows) row.cells[column].hidden = !box.checked;
      });
      list.append(make("label", {}, box, ` ${heading.textContent.replace(/\s+/g, " ")}`));
    });
    const holder = make("details", { className: "columns" }, make("summary", { textContent: "Columns" }), list);
    holder.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      holder.open = false;
      holder.firstChild.focus();
    });
    document.addEventListener("click", (event) => {
      if (!holder.contains(event.target)) holder.open = false;
    });
    return holder;
  };

  const addTools = (table) => {
    const input = make("input", { type: "search", id: `${table.id}-filter` });
    const status = make("span", { className: "status" });
    status.setAttribute("role", "status");
    const rows = [...table.tBodies[0].rows];
    const texts = rows.map((row) => row.textContent.toLowerCase());
    input.addEventListener("input", () => {
      const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      rows.forEach((row, i) => {
        row.hidden = !words.every((word) => texts[i].includes(word));
        shown += !row.hidden;
      });
      status.textContent = words.length ? `${shown} of ${rows.length}` : "";
    });
    const copy = make("button", { type: "button", textContent: "Copy" });
    copy.addEventListener("click", () => {
      const told = (text) => () => { status.textContent = text; };
      navigator.clipboard.writeText(tsv(table))
        .then(told("copied"), told("this browser lets no page copy: download the CSV"));
    });
    const download = make("button", { type: "button", textContent: "Download CSV" });
    download.addEventListener("click", () => {
      const link = make("a", { href: URL.createObjectURL(new Blob([csv(table)], { type: "text/csv" })),
        download: `${table.id}.csv` });
      link.click();
      URL.revokeObjectURL(link.href);
    });
    const label = make("label", { htmlFor: input.id, textContent: "Filter" });
    table.parentElement.before(make("div", { className: "tools" }, make("span", { className: "filter" }, label, input),
      status, columnsOf(table), copy, download));
  };

  for (const table of document.querySelectorAll("main table[id]:has(th button)")) {
    headings(table).forEach((heading, column) => {
      heading.querySelector("button")?.addEventListener("click", () => sortBy(table, heading, column));
    });
    if (table.tBodies[0].rows.length >= LONG && !table.querySelector(".leaf")) addTools(table);
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
