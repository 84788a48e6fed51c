// The board: a row for each user, kept as long as the user is on it, so that every change is seen.

import { formatNumber, UNKNOWN } from "../format.js";
import { throttle } from "../live/throttle.js";
import { showTime } from "../live/times.js";
import { colorOf } from "./colors.js";
import { enter, glide, GLIDE_MS, highlight, leave } from "./motion.js";
import { arrange, createRow, setCell, setScore, setTime } from "./rows.js";

/** @typedef {import("../types.js").Board} Board */
/** @typedef {import("../types.js").Row} Row */

export function start() {
  const table = /** @type {HTMLElement} */ (document.querySelector("#board"));
  const players = document.querySelector("#players");
  const changed = /** @type {HTMLTimeElement | null} */ (document.querySelector("#changed time"));
  const showRows = createRows(/** @type {HTMLElement} */ (table.querySelector("tbody")));
  const most = Number(table.dataset.rows) || undefined; // all, unless the address says how many
  table.style.setProperty("--rows", table.dataset.size ?? "");
  return {
    board: throttle((/** @type {Board} */ board) => {
      showRows(board.rows.slice(0, most));
      players?.replaceChildren(formatNumber(board.players));
      if (changed) {
        showChanged(changed, board.updated);
      }
    }, GLIDE_MS),
  };
}

/** @param {HTMLTimeElement} element @param {number} updated 0: nobody has a score yet */
function showChanged(element, updated) {
  if (updated) {
    showTime(element, updated);
    return;
  }
  element.removeAttribute("datetime");
  element.title = "";
  element.textContent = UNKNOWN;
}

/** @param {HTMLElement} body of the table @returns {(rows: Row[]) => void} */
function createRows(body) {
  /** @type {Map<string, {element: HTMLElement, score: string}>} by user */
  let shown = new Map();
  return (rows) => {
    const before = shown;
    shown = new Map(rows.map((row) => [row.user, update(before.get(row.user)?.element, row)]));
    before.forEach(({ element }, user) => shown.has(user) || leave(element));
    const elements = [...shown.values()].map(({ element }) => element);
    glide(body, () => arrange(body, elements));
    for (const [user, { element, score }] of before.size ? shown : []) {
      showChange(element, before.get(user)?.score, score);
    }
  };
}

/** @param {HTMLElement | undefined} known @param {Row} row */
function update(known, row) {
  const element = known ?? createRow(row, { rank: "" });
  const score = formatNumber(row.score);
  setCell(element, "rank", formatNumber(row.rank));
  setScore(element, score);
  setTime(element, row.time);
  element.dataset.color = String(colorOf(row.user));
  return { element, score };
}

/** @param {HTMLElement} element @param {string | undefined} before @param {string} now */
function showChange(element, before, now) {
  if (before === undefined) {
    enter(element);
  }
  if (before !== now) {
    highlight(element);
  }
}
