// Times on the page: relative in the text, exact in the title; one timer keeps all of them right.

import { agoText, clockText, dateOf, exactText } from "../format.js";

const REFRESH_MS = 1000;
const TOLERANCE_MS = 1500; // of the way of an event, before the two clocks count as different

let ahead = 0; // milliseconds by which the server's clock is ahead of this one

/** Give the server's time, in milliseconds since the epoch. */
export function serverNow() {
  return Date.now() + ahead;
}

/** Note what the server's clock showed just now. @param {number} milliseconds */
export function setServerTime(milliseconds) {
  const next = milliseconds - Date.now();
  if (Math.abs(next - ahead) > TOLERANCE_MS) {
    ahead = next;
  }
}

/** @param {HTMLTimeElement} element @param {number} milliseconds since the epoch */
export function showTime(element, milliseconds) {
  const date = dateOf(milliseconds);
  const iso = date.toISOString();
  if (element.dateTime !== iso) {
    element.dateTime = iso;
    element.title = exactText(date);
  }
  refresh(element);
}

/**
 * Give a time element.
 *
 * @param {number} milliseconds
 * @param {{clock?: boolean}} [as] relative if not
 */
export function timeElement(milliseconds, { clock = false } = {}) {
  const element = document.createElement("time");
  element.classList.toggle("clock", clock);
  showTime(element, milliseconds);
  return element;
}

/** Keep all times of the page right, those that the server wrote too. */
export function keepTimes() {
  allTimes().forEach((element) => showTime(element, Date.parse(element.dateTime)));
  setInterval(() => allTimes().forEach(refresh), REFRESH_MS);
}

/** @returns {NodeListOf<HTMLTimeElement>} */
function allTimes() {
  return document.querySelectorAll("time[datetime]");
}

/** @param {HTMLTimeElement} element */
function refresh(element) {
  const date = new Date(element.dateTime);
  const isClock = element.classList.contains("clock");
  const text = isClock ? clockText(date) : agoText(date, serverNow());
  if (element.textContent !== text) {
    element.textContent = text;
  }
}
