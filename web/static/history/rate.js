// Scores per second: the number now, and a line of the last minute. While nothing arrives only the
// first 0 is sent.

import { paced } from "../live/throttle.js";
import { coordinate, svg } from "./svg.js";
import { serverNow } from "../live/times.js";
import { rateText } from "../format.js";

/** @typedef {import("../types.js").Rate} Rate */

const SHOWN = 60; // points, one a second
const SPAN_MS = 60_000;
const WIDTH = 120;
const HEIGHT = 32;
const PACE_MS = 500;
const DRIFT_MS = 2000; // between drawings while nothing comes: time goes on
const APART_MS = 1000; // between two rates, about
const KNOWN_MS = 10_000; // after which a rate says nothing of now

/**
 * Give the function that takes a rate. The last minute may be sent again: it is taken once.
 *
 * @param {HTMLElement} number
 * @param {SVGSVGElement} plot
 * @returns {(rate: Rate) => void}
 */
export function createRate(number, plot) {
  const line = svg("path", { class: "rate-line" });
  const area = svg("path", { class: "rate-area" });
  const title = svg("title", {}, "Scores per second in the last minute");
  plot.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  plot.replaceChildren(title, area, line);
  /** @type {Rate[]} oldest first */
  let rates = [];

  const show = paced(() => {
    const last = rates[rates.length - 1];
    const now = Math.max(serverNow(), last.time);
    const isKnown = !last.per_second || now - last.time < KNOWN_MS;
    const shown = fill(rates, now);
    const highest = Math.max(1, ...shown.map((each) => each.per_second));
    const drawn = drawLine(shown, now, highest);
    line.setAttribute("d", drawn.line);
    area.setAttribute("d", drawn.area);
    title.textContent = `Scores per second in the last minute, at most ${rateText(highest)}`;
    number.textContent = isKnown ? rateText(last.per_second) : "–";
  }, PACE_MS);
  setInterval(() => rates.length && !document.hidden && show(undefined), DRIFT_MS);

  return (rate) => {
    rates = [...rates.filter((each) => each.time < rate.time), rate].slice(-SHOWN);
    show(undefined);
  };
}

/**
 * Give the rates of the last minute, with the zeros that were not sent.
 *
 * @param {Rate[]} rates oldest first
 * @param {number} now
 */
function fill(rates, now) {
  /** @type {Rate[]} */
  const filled = [];
  for (const rate of rates) {
    if (filled.at(-1)?.per_second === 0) {
      filled.push({ time: rate.time - APART_MS, per_second: 0 });
    }
    filled.push(rate);
  }
  if (filled.at(-1)?.per_second === 0) {
    filled.push({ time: now, per_second: 0 });
  }
  return filled.filter(({ time }) => time > now - SPAN_MS);
}

/** @param {Rate[]} rates @param {number} now @param {number} highest */
function drawLine(rates, now, highest) {
  if (!rates.length) {
    return { line: "", area: "" };
  }
  const points = rates.map(({ time, per_second: rate }) => ({
    x: coordinate(WIDTH * (1 - (now - time) / SPAN_MS)),
    y: coordinate(HEIGHT - 1 - (HEIGHT - 2) * (rate / highest)),
  }));
  const line = `M${points.map(({ x, y }) => `${x} ${y}`).join("L")}`;
  return { line, area: `${line}V${HEIGHT}H${points[0].x}Z` };
}
