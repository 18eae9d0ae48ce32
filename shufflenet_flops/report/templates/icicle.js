"use strict";
// A network's modules from left to right, each as high as its part of what is chosen; drawn from
// the table of its layers. A click or Enter zooms in, Escape zooms out, arrows go from one to another.
(() => {
  const METRICS = { macs: "MACs", flops: "FLOPs", params: "parameters", memory_bytes: "memory access",
    activations: "activations", time_ns: "predicted time" };
  const UNITS = { macs: "MACs", flops: "FLOPs", params: "parameters", memory_bytes: "bytes",
    activations: "activations", time_ns: "ms" };
  const OUTERMOST = "(model)";
  const STILL = matchMedia("(prefers-reduced-motion: reduce)");
  const FONT = 12.5;
  const pen = document.createElement("canvas").getContext("2d");

  const make = (name, properties = {}, ...children) => {
    const made = Object.assign(document.createElement(name), properties);
    made.append(...children);
    return made;
  };
  const drawn = (name, attributes = {}) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, text] of Object.entries(attributes)) made.setAttribute(key, text);
    return made;
  };
  const kindClass = (kind) => `k-${kind.replace(/[^a-z]+/g, "-")}`;
  // In full, but a time, which is an estimate.
  const amountOf = (amount, metric) => (metric === "time_ns" ? (Number(amount) / 1e6).toPrecision(3)
    : amount.toLocaleString("en-US"));
  const percent = (part, whole) =>
    whole > 0n ? `${(Number(part * 100000n / whole) / 1000).toFixed(1)} %` : "–";

  // ---- the modules, from the rows of the table ------------------------------------------------

  const rowsOf = (table) => {
    const names = [...table.tHead.rows[0].cells].map((heading) => heading.dataset.name ?? "");
    const rows = [...table.tBodies[0].rows].filter((row) => !row.classList.contains("total"));
    const metrics = Object.keys(METRICS).filter((metric) => names.includes(metric));
    return { metrics, rows: rows.map((row) => {
      const text = (name) => row.cells[names.indexOf(name)]?.textContent ?? "";
      const path = row.cells[0].textContent;
      return { path: path === OUTERMOST ? [] : path.split("."), kind: text("kind") || "others",
        output: text("output"), groups: text("groups"),
        amounts: Object.fromEntries(metrics.map((metric) =>
          [metric, BigInt(row.cells[names.indexOf(metric)].dataset.value)])) };
    }) };
  };

  const treeOf = (rows, metrics, name) => {
    const root = { name, path: name, children: new Map() };
    rows.forEach((row, i) => {
      let place = root;
      row.path.forEach((part, depth) => {
        if (!place.children.has(part)) {
          const path = row.path.slice(0, depth + 1).join(".");
          place.children.set(part, { name: part, path, children: new Map() });
        }
        place = place.children.get(part);
      });
      // A key that no module has: names have no dots.
      place.children.set(`.${i}`, { name: row.kind, path: place.path, row, amounts: row.amounts });
    });
    addUp(root, metrics);
    return root;
  };

  const addUp = (node, metrics) => {
    if (node.row) return;
    const children = [...node.children.values()];
    for (const child of children) addUp(child, metrics);
    node.amounts = Object.fromEntries(metrics.map((metric) =>
      [metric, children.reduce((sum, child) => sum + child.amounts[metric], 0n)]));
  };

  // What has some of a metric: a module that is one layer is that layer, and one that holds one
  // module goes with it.
  const simplified = (node, metric, outermost = false) => {
    if (node.row) return node;
    const children = [...node.children.values()].filter((child) => child.amounts[metric] > 0n)
      .map((child) => simplified(child, metric));
    if (children.length !== 1 || outermost) return { ...node, children };
    const [child] = children;
    const isNamed = child.row && (child.path === node.path || !/^\d+$/.test(node.name));
    return { ...child, name: isNamed ? node.name : `${node.name}.${child.name}`, amounts: node.amounts };
  };

  // ---- the picture ----------------------------------------------------------------------------

  const shortened = (text, room) => {
    if (pen.measureText(text).width <= room) return text;
    for (let kept = text.length - 1; kept >= 3; kept -= 1) {
      const half = Math.ceil(kept / 2);
      const short = `${text.slice(0, half)}…${text.slice(text.length - (kept - half))}`;
      if (pen.measureText(short).width <= room) return short;
    }
    return "";
  };

  const start = (figure) => {
    const table = document.getElementById(figure.dataset.table);
    const { rows, metrics } = rowsOf(table);
    const tree = treeOf(rows, metrics, figure.dataset.model);
    const controls = make("fieldset", { className: "choices" }, make("legend", { textContent: "area by" }));
    const trail = make("ol");
    const tip = make("div", { className: "tip", hidden: true });
    const legend = make("ul", { className: "legend" });
    const svg = drawn("svg", { role: "tree", "aria-label": figure.dataset.label });
    const ring = drawn("rect", { class: "ring" });
    const texts = drawn("g", { "aria-hidden": true }); // what a module's label says, and no more
    const place = make("div", { className: "place" }, svg, tip);
    const cells = new Map();
    let metric, root, focus, active, view, frame;

    const share = (node) => percent(node.data.amounts[metric], root.data.amounts[metric]);
    const count = (node) => `${amountOf(node.data.amounts[metric], metric)} ${UNITS[metric]}`;
    const wide = () => Math.max(280, place.clientWidth);
    const high = () => Math.max(300, Math.min(wide() < 520 ? 440 : 600, 15 * root.leaves().length));

    const columns = (node) => Math.max(1, Math.min(wide() < 520 ? 2 : wide() < 900 ? 3 : 4, node.height));
    const viewOf = (node) => ({ x0: node.x0, x1: node.x1, depth: node.depth, columns: columns(node),
      first: node.children ? Math.max(64, Math.min(150, wide() / 6)) : wide() });

    const boxOf = (node, at) => {
      const rest = (wide() - at.first) / at.columns;
      const left = (depth) => (depth <= 0 ? depth * at.first : at.first + (depth - 1) * rest);
      const depth = node.depth - at.depth;
      const scale = high() / (at.x1 - at.x0);
      const right = node.children && depth < at.columns ? left(depth + 1) : wide();
      return { x: left(depth), y: (node.x0 - at.x0) * scale, width: right - left(depth),
        height: (node.x1 - node.x0) * scale };
    };

    const cellOf = (node) => {
      if (!cells.has(node)) {
        const group = drawn("g", { role: "treeitem", tabindex: -1, "aria-level": node.depth + 1,
          class: node.children ? "cell" : `cell leaf ${kindClass(node.data.row.kind)}` });
        group.append(drawn("rect"));
        group.setAttribute("aria-label", `${node.data.path}, ${count(node)}, ${share(node)}` +
          (node.children ? "" : `, ${node.data.row.kind}`));
        if (node.children) group.setAttribute("aria-expanded", String(node === focus));
        group.__node = node;
        const look = node.children ? "" : ` leaf ${kindClass(node.data.row.kind)}`;
        group.__texts = ["name", "amount"].map((text) => drawn("text", { class: text + look }));
        cells.set(node, group);
      }
      return cells.get(node);
    };

    const undraw = (group) => {
      for (const one of [group, ...group.__texts]) one.remove();
    };

    const draw = () => {
      const deepest = view.depth + view.columns + 0.5;
      const shown = new Set();
      for (const node of root) {
        const box = boxOf(node, view);
        const isSeen = node.depth <= deepest && box.height >= 0.7 && box.x + box.width > 0.5 &&
          box.y + box.height > 0.5 && box.y < high() - 0.5;
        if (!isSeen) continue;
        shown.add(node);
        const group = cellOf(node);
        const [rect, [name, amount]] = [group.firstChild, group.__texts];
        const gap = box.height > 3 ? 1 : 0;
        rect.setAttribute("x", box.x + 0.5);
        rect.setAttribute("y", box.y);
        rect.setAttribute("width", Math.max(0, box.width - 1));
        rect.setAttribute("height", Math.max(0.5, box.height - gap));
        const top = Math.max(box.y, 0), bottom = Math.min(box.y + box.height, high());
        const room = box.width - 14;
        const isRead = bottom - top >= FONT + 2.5 && room > 20;
        name.textContent = isRead ? shortened(node.data.name, room) : "";
        name.setAttribute("x", box.x + 7);
        const second = pen.measureText(share(node)).width <= room ? share(node) : "";
        const used = pen.measureText(name.textContent).width;
        const beside = room - used > pen.measureText(second).width + 12;
        const below = !beside && bottom - top >= 2 * FONT + 8;
        const middle = (top + bottom) / 2;
        name.setAttribute("y", middle + (below ? -FONT / 2 : 0) + 0.34 * FONT);
        amount.textContent = isRead && (beside || below) ? second : "";
        amount.setAttribute("x", beside ? box.x + box.width - 7 : box.x + 7);
        amount.setAttribute("text-anchor", beside ? "end" : "start");
        amount.setAttribute("y", middle + (below ? FONT / 2 + 2 : 0) + 0.34 * FONT);
        if (!group.isConnected) {
          svg.insertBefore(group, texts);
          texts.append(name, amount);
        }
      }
      for (const [node, group] of cells) if (!shown.has(node)) undraw(group);
      if (!shown.has(active)) setActive(focus);
      const box = boxOf(active, view);
      for (const [key, size] of Object.entries({ x: box.x + 1.5, y: box.y + 1, width: Math.max(1, box.width - 3),
        height: Math.max(1, box.height - 3) })) ring.setAttribute(key, size);
    };

    const setActive = (node) => {
      if (active && cells.has(active)) cells.get(active).setAttribute("tabindex", -1);
      active = node;
      cellOf(active).setAttribute("tabindex", 0);
    };

    const putTrail = () => {
      trail.replaceChildren(...focus.ancestors().reverse().map((node) => {
        const button = make("button", { type: "button", textContent: node.data.name });
        if (node === focus) button.setAttribute("aria-current", "true");
        button.addEventListener("click", () => zoom(node));
        return make("li", {}, button);
      }));
    };

    const zoom = (node) => {
      if (focus.children) cellOf(focus).setAttribute("aria-expanded", "false");
      focus = node;
      if (focus.children) cellOf(focus).setAttribute("aria-expanded", "true");
      setActive(focus);
      putTrail();
      hide();
      const from = view, to = viewOf(focus), began = performance.now();
      cancelAnimationFrame(frame);
      const step = (now) => {
        const done = STILL.matches ? 1 : Math.min(1, (now - began) / 380);
        const eased = done < 0.5 ? 4 * done ** 3 : 1 - (2 - 2 * done) ** 3 / 2;
        view = Object.fromEntries(Object.keys(to).map((key) => [key, from[key] + (to[key] - from[key]) * eased]));
        draw();
        if (done < 1) frame = requestAnimationFrame(step);
        else { if (svg.contains(document.activeElement)) cellOf(active).focus(); figure.dataset.still = "true"; }
      };
      figure.dataset.still = "false";
      step(performance.now());
    };

    // ---- what is under the pointer or has the focus -------------------------------------------
    // The focus is listened to around the picture: one that does so itself is a stop of the keyboard.

    const tell = (node, x, y) => {
      const { data } = node;
      const facts = [["", data.path], ...(data.row ? [["kind", data.row.kind], ["output", data.row.output],
        ["groups", data.row.groups]] : []), ...metrics.map((one) => [METRICS[one],
        `${amountOf(data.amounts[one], one)}${one === "time_ns" ? " ms" : ""} (${percent(data.amounts[one], root.data.amounts[one])})`])];
      const list = make("dl");
      for (const [term, text] of facts.slice(1)) {
        if (text) list.append(make("dt", { textContent: term }), make("dd", { textContent: text }));
      }
      tip.replaceChildren(make("strong", { textContent: data.path }), list);
      tip.hidden = false;
      const left = Math.min(Math.max(0, x + 14), place.clientWidth - tip.offsetWidth);
      const above = y - tip.offsetHeight - 12;
      tip.style.left = `${Math.max(0, left)}px`;
      tip.style.top = `${above < 0 ? y + 18 : above}px`;
    };
    const hide = () => { tip.hidden = true; };
    const nodeAt = (event) => event.target.closest?.(".cell")?.__node;

    svg.addEventListener("pointermove", (event) => {
      const node = nodeAt(event);
      const at = place.getBoundingClientRect();
      if (node && event.pointerType === "mouse") tell(node, event.clientX - at.left, event.clientY - at.top);
      else hide();
    });
    svg.addEventListener("pointerleave", hide);
    place.addEventListener("focusin", (event) => {
      const node = nodeAt(event);
      if (!node) return;
      setActive(node);
      draw();
      if (!event.target.matches(":focus-visible")) return;
      const box = boxOf(node, view);
      tell(node, box.x + Math.min(box.width, 60), Math.max(0, box.y) + Math.min(box.height, 30));
    });
    place.addEventListener("focusout", hide);
    svg.addEventListener("click", (event) => {
      const node = nodeAt(event);
      if (node) zoom(node === focus && node.parent ? node.parent : node);
    });

    const beside = (step) => {
      const all = (active.parent?.children ?? [active]).filter((node) => cells.get(node)?.isConnected);
      return all[all.indexOf(active) + step];
    };
    const MOVES = {
      ArrowUp: () => beside(-1),
      ArrowDown: () => beside(1),
      ArrowLeft: () => (cells.get(active.parent)?.isConnected ? active.parent : undefined),
      ArrowRight: () => active.children?.find((node) => cells.get(node)?.isConnected),
      Home: () => focus,
    };
    svg.addEventListener("keydown", (event) => {
      if (event.key in MOVES) {
        const next = MOVES[event.key]();
        if (next) cellOf(next).focus();
      } else if (event.key === "Enter" || event.key === " ") zoom(active);
      else if (event.key === "Escape" && !tip.hidden) hide();
      else if ((event.key === "Escape" || event.key === "Backspace") && focus.parent) zoom(focus.parent);
      else return;
      event.preventDefault();
    });

    // ---- what the area stands for -------------------------------------------------------------

    const putLegend = () => {
      const kinds = new Map();
      for (const { data: { row, amounts } } of root.leaves()) {
        if (amounts[metric] > 0n) kinds.set(row.kind, (kinds.get(row.kind) ?? 0n) + amounts[metric]);
      }
      const ordered = [...kinds].sort(([, a], [, b]) => (a < b ? 1 : -1));
      legend.replaceChildren(...ordered.map(([kind, amount]) => make("li", {},
        make("span", { className: `swatch ${kindClass(kind)}` }), `${kind} `,
        make("span", { className: "quiet", textContent: percent(amount, root.data.amounts[metric]) }))));
    };

    const choose = (chosen) => {
      metric = chosen;
      root = d3.hierarchy(simplified(tree, metric, true)).sum((data) => (data.children ? 0 : Number(data.amounts[metric])));
      d3.partition().size([1, root.height + 1])(root);
      for (const group of cells.values()) undraw(group);
      cells.clear();
      focus = root;
      active = undefined;
      setActive(root);
      fit();
      putTrail();
      putLegend();
      figure.dataset.still = "true";
    };
    const fit = () => {
      pen.font = `${FONT}px ${getComputedStyle(document.body).fontFamily}`;
      svg.setAttribute("viewBox", `0 0 ${wide()} ${high()}`);
      view = viewOf(focus);
      draw();
    };

    const filled = metrics.filter((one) => tree.amounts[one] > 0n);
    if (!filled.length) return;
    for (const one of filled) {
      const radio = make("input", { type: "radio", name: `${table.id}-area`, value: one, checked: one === filled[0] });
      radio.addEventListener("change", () => choose(one));
      controls.append(make("label", {}, radio, ` ${METRICS[one]}`));
    }
    svg.append(texts, ring);
    const way = make("nav", { className: "trail" }, trail);
    way.setAttribute("aria-label", "Where the picture is");
    figure.append(make("div", { className: "bar" }, way, controls), place, legend);
    figure.hidden = false;
    choose(filled[0]);
    let width = wide();
    new ResizeObserver(() => { if (wide() !== width) { width = wide(); fit(); } }).observe(place);
  };

  for (const figure of document.querySelectorAll("figure.icicle")) start(figure);
})();
