// Times on the page: relative in the text, exact in the title, by the server's clock.

import { setText } from "../dom.js";
import { dateOf, formatExact } from "../format.js";
import { agoText } from "../texts.js";
import { isPaused } from "./throttle.js";

const REFRESH_MS = 1000;
const TOLERANCE_MS = 1500; // as long as an event may be on its way; less is no difference of clocks

let ahead = 0; // milliseconds by which the server's clock is ahead of this one

/** Keep all times of the page up to date, also those of the server's HTML. */
export function start() {
  allTimes().forEach((element) => showTime(element, Date.parse(element.dateTime)));
  setInterval(() => isPaused() || allTimes().forEach(refresh), REFRESH_MS);
  return { beat: (/** @type {import("../types.js").Beat} */ { time }) => setServerTime(time) };
}

/** Return the server's time, in milliseconds since the epoch. */
export function serverNow() {
  return Date.now() + ahead;
}

/** @param {number} milliseconds */
function setServerTime(milliseconds) {
  const next = milliseconds - Date.now();
  if (Math.abs(next - ahead) > TOLERANCE_MS) {
    ahead = next;
  }
}

/** @param {HTMLTimeElement} element @param {number} milliseconds since the epoch */
export function showTime(element, milliseconds) {
  const iso = dateOf(milliseconds).toISOString();
  if (element.dateTime !== iso) {
    element.dateTime = iso;
    element.title = formatExact(milliseconds);
  }
  refresh(element);
}

/** @param {number} milliseconds since the epoch */
export function timeElement(milliseconds) {
  const element = document.createElement("time");
  showTime(element, milliseconds);
  return element;
}

/** @returns {NodeListOf<HTMLTimeElement>} */
function allTimes() {
  return document.querySelectorAll("time[datetime]");
}

/** @param {HTMLTimeElement} element */
function refresh(element) {
  setText(element, agoText(Date.parse(element.dateTime), serverNow()));
}
