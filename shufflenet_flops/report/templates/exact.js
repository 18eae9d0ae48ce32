"use strict";
// Exact integers, as BigInt, from terms that the page has as data.
const exact = (() => {
  // A sum of terms over one common denominator; a valid setting leaves no remainder.
  const value = (terms, sizes, over = 1n) => {
    const lowest = {};
    for (const [, powers] of terms) {
      for (const [name, power] of Object.entries(powers)) {
        lowest[name] = Math.min(lowest[name] ?? 0, power);
      }
    }
    let sum = 0n;
    for (const [coefficient, powers] of terms) {
      let product = BigInt(coefficient);
      for (const name of Object.keys(lowest)) {
        product *= sizes[name] ** BigInt((powers[name] ?? 0) - lowest[name]);
      }
      sum += product;
    }
    let divisor = over;
    for (const [name, power] of Object.entries(lowest)) divisor *= sizes[name] ** BigInt(-power);
    return sum / divisor;
  };

  const holds = (when, sizes) => Object.entries(when).every(([name, same]) =>
    sizes[name] === (typeof same === "number" ? BigInt(same) : sizes[same]));

  return { value, holds };
})();
