"use strict";
// What the explorers' tables of shares are made of.
const shares = (() => {
  const svg = (name, attributes, text = "") => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.textContent = text;
    return made;
  };

  const cell = (name, text, className = "") => {
    const made = document.createElement(name);
    made.textContent = text;
    made.className = className;
    if (name === "th") made.scope = "row";
    return made;
  };

  const share = (part, whole) => (part ? `${(Number(part * 100000n / whole) / 1000).toFixed(1)} %` : "–");

  // In the colour of its kind, or else in the page's own.
  const barOf = (part, whole, colour) => {
    const picture = svg("svg", { viewBox: "0 0 100 10", height: 10, preserveAspectRatio: "none", "aria-hidden": true });
    const width = part ? Number(part * 10000n / whole) / 100 : 0;
    picture.append(svg("rect", { width, height: 10, ...(colour && { fill: colour }) }));
    const made = cell("td", "", "bar");
    made.append(picture);
    return made;
  };

  return { svg, cell, share, barOf };
})();
