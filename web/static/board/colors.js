// A colour for each leader, for as long as it is on the board. No two leaders have the same one
// while there are enough.

/** @typedef {import("../types.js").Board} Board */

const COLORS = 6; // in page.css, each with dashes of its own in charts.css

/** @type {Map<string, number>} by user */
let colors = new Map();

export function start() {
  return { board: (/** @type {Board} */ { rows }) => assign(rows.map(({ user }) => user)) };
}

/** Return the number of a user's colour, 0 if it is not on the board. @param {string} user */
export function colorOf(user) {
  return colors.get(user) ?? 0;
}

/** @param {string[]} users */
function assign(users) {
  const kept = new Map([...colors].filter(([user]) => users.includes(user)));
  users.forEach((user) => kept.has(user) || kept.set(user, rarest([...kept.values()])));
  colors = kept;
}

/** @param {number[]} used @returns {number} the colour that is used least, from 1 */
function rarest(used) {
  const counts = Array.from(
    { length: COLORS },
    (_, index) => used.filter((color) => color === index + 1).length,
  );
  return counts.indexOf(Math.min(...counts)) + 1;
}
