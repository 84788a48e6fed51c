// The board: one row a user, kept as long as the user is on it, so that every change can be seen.

import { enter, glide, leave, lightUp } from "./motion.js";
import { markCut } from "./names.js";
import { arrange, makeScoreRow, setCell, setScore, setTime } from "./rows.js";
import { numberText } from "../format.js";

/** @typedef {import("../types.js").Row} Row */

/**
 * Give the function that shows a board.
 *
 * @param {HTMLElement} body of the table
 * @param {(user: string) => number} slotOf the colour of each user
 * @returns {(rows: Row[]) => void}
 */
export function createBoard(body, slotOf) {
  /** @type {Map<string, {element: HTMLElement, score: string}>} */
  let shown = new Map();
  return (rows) => {
    const before = shown;
    shown = new Map(rows.map((row) => [row.user, keep(before.get(row.user), row)]));
    before.forEach(({ element }, user) => shown.has(user) || leave(element));
    glide(body, () =>
      arrange(
        body,
        [...shown.values()].map(({ element }) => element),
      ),
    );
    for (const [user, { element, score }] of before.size ? shown : []) {
      showChange(element, before.get(user)?.score, score);
    }
    shown.forEach(({ element }, user) => (element.dataset.slot = String(slotOf(user))));
    markCut(body);
  };
}

/**
 * @param {{element: HTMLElement, score: string} | undefined} known
 * @param {Row} row
 */
function keep(known, row) {
  const element = known?.element ?? makeScoreRow(row, { rank: "" });
  const score = numberText(row.score);
  setCell(element, "rank", String(row.rank));
  setScore(element, score);
  setTime(element, row.time);
  return { element, score };
}

/** @param {HTMLElement} element @param {string | undefined} before @param {string} now */
function showChange(element, before, now) {
  if (before === undefined) {
    enter(element);
  }
  if (before !== now) {
    lightUp(element);
  }
}
