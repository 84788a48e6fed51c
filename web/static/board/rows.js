// Rows of a table: created once for each user or score, kept, and put in order.

import { setText } from "../dom.js";
import { formatNumber, isBlank } from "../format.js";
import { showTime, timeElement } from "../live/times.js";
import { BLANK } from "../texts.js";
import { rowsOf } from "./motion.js";

const LONG = 13; // letters of a score that leave room for a name on a phone

/**
 * Create a row of a user's score, with other cells before.
 *
 * @param {{user: string, score: string, time: number}} of
 * @param {Record<string, string>} [first] text by class
 */
export function createRow({ user, score, time }, first = {}) {
  const row = document.createElement("tr");
  row.setAttribute("role", "row");
  const cells = { ...first, user: nameElement(user), score: "", when: timeElement(time) };
  row.append(...Object.entries(cells).map(([name, content]) => createCell(name, content)));
  setScore(row, formatNumber(score));
  return row;
}

/** @param {string} name its class; `user` is the row's header @param {string | Node} content */
function createCell(name, content) {
  const isHeader = name === "user";
  const cell = document.createElement(isHeader ? "th" : "td");
  cell.className = name;
  cell.setAttribute("role", isHeader ? "rowheader" : "cell");
  if (isHeader) {
    cell.setAttribute("scope", "row");
  }
  cell.append(content);
  return cell;
}

/** Create an element for a name: untrusted text of any script and length. @param {string} user */
function nameElement(user) {
  const element = document.createElement("bdi");
  element.className = "name";
  element.dir = "auto";
  element.textContent = element.title = user;
  if (isBlank(user)) {
    element.dataset.blank = BLANK;
  }
  return element;
}

/**
 * Show a score; the style fits it in by the length of its text.
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
  setText(row.querySelector(`.${name}`), text);
}

/** @param {HTMLElement} row @param {number} time */
export function setTime(row, time) {
  const element = row.querySelector("time");
  if (element) {
    showTime(element, time);
  }
}

/**
 * Put these rows into a table's body in this order, and remove all others.
 *
 * @param {HTMLElement} body
 * @param {HTMLElement[]} rows
 */
export function arrange(body, rows) {
  const staying = new Set(rows);
  rowsOf(body).forEach((row) => staying.has(row) || row.remove());
  rows.forEach((row, index) => {
    if (body.children[index] !== row) {
      body.insertBefore(row, body.children[index] ?? null);
    }
  });
  const empty = /** @type {HTMLElement} */ (body.parentElement?.nextElementSibling);
  empty.hidden = rows.length > 0;
}
