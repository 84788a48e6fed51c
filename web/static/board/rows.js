// Rows of a table: made once for each user or score, kept, and put in order.

import { rowsOf } from "./motion.js";
import { nameElement } from "./names.js";
import { showTime, timeElement } from "../live/times.js";
import { numberText } from "../format.js";

const LONG = 13; // letters of a score that leave room for a name on a phone

/**
 * Make a row; its cells are found by their class.
 *
 * @param {Record<string, string | Node>} cells by class, in order; `user` is the row's header
 */
function makeRow(cells) {
  const row = document.createElement("tr");
  row.setAttribute("role", "row");
  for (const [name, content] of Object.entries(cells)) {
    const isHeader = name === "user";
    const cell = document.createElement(isHeader ? "th" : "td");
    cell.className = name;
    cell.setAttribute("role", isHeader ? "rowheader" : "cell");
    if (isHeader) {
      cell.setAttribute("scope", "row");
    }
    cell.append(content);
    row.append(cell);
  }
  return row;
}

/**
 * Make a row of a user's score, with other cells before.
 *
 * @param {{user: string, score: string, time: number}} of
 * @param {Record<string, string>} [first]
 */
export function makeScoreRow({ user, score, time }, first = {}) {
  const row = makeRow({ ...first, user: nameElement(user), score: "", when: timeElement(time) });
  setScore(row, numberText(score));
  return row;
}

/**
 * Show a score; the length of its text lets the style fit it in.
 *
 * @param {HTMLElement} row
 * @param {string} text
 */
export function setScore(row, text) {
  setCell(row, "score", text);
  row.style.setProperty("--letters", String(text.length));
  row.classList.toggle("long", text.length > LONG);
}

/** @param {HTMLElement} row @param {string} name a class @param {string} text */
export function setCell(row, name, text) {
  const cell = row.querySelector(`.${name}`);
  if (cell && cell.textContent !== text) {
    cell.textContent = text;
  }
}

/** @param {HTMLElement} row @param {number} time */
export function setTime(row, time) {
  const element = row.querySelector("time");
  if (element) {
    showTime(element, time);
  }
}

/**
 * Let a body have these rows in this order; what had the focus keeps it.
 *
 * @param {HTMLElement} body
 * @param {HTMLElement[]} rows
 */
export function arrange(body, rows) {
  const focused = document.activeElement;
  const staying = new Set(rows);
  rowsOf(body).forEach((row) => staying.has(row) || row.remove());
  rows.forEach((row, index) => {
    if (body.children[index] !== row) {
      body.insertBefore(row, body.children[index] ?? null);
    }
  });
  if (
    focused instanceof HTMLElement &&
    focused !== document.activeElement &&
    body.contains(focused)
  ) {
    focused.focus({ preventScroll: true });
  }
}
