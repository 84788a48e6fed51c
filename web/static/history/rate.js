// Scores per second: the number now, and a line of the last minute. While nothing arrives, only the
// first 0 is sent.

import { formatRate, UNKNOWN } from "../format.js";
import { throttle } from "../live/throttle.js";
import { serverNow } from "../live/times.js";
import { rateTitle } from "../texts.js";
import { coordinate, svg } from "./svg.js";

/** @typedef {import("../types.js").Rate} Rate */

const SHOWN = 60; // points, one a second
const SPAN_MS = 60_000;
const WIDTH = 120;
const HEIGHT = 32;
const INTERVAL_MS = 500;
const DRIFT_MS = 2000; // between drawings while nothing arrives: time goes on
const APART_MS = 1000; // between two rates, about
const VALID_MS = 10_000; // after which a rate is outdated

export function start() {
  /** @type {Rate[]} oldest first */
  let rates = [];
  const show = throttle(createView(), INTERVAL_MS);
  setInterval(() => rates.length && !document.hidden && show(rates), DRIFT_MS);
  return {
    /** The last minute may come again. @param {Rate} rate */
    rate(rate) {
      rates = [...rates.filter((each) => each.time < rate.time), rate].slice(-SHOWN);
      show(rates);
    },
  };
}

/** @returns {(rates: Rate[]) => void} */
function createView() {
  const number = /** @type {HTMLElement} */ (document.querySelector("#rate"));
  const chart = /** @type {SVGSVGElement} */ (document.querySelector("#rate-chart"));
  const line = svg("path", { class: "rate-line" });
  const area = svg("path", { class: "rate-area" });
  const title = /** @type {Element} */ (chart.querySelector("title"));
  chart.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  chart.append(area, line);
  return (rates) => {
    const last = rates[rates.length - 1];
    const now = Math.max(serverNow(), last.time);
    const isKnown = !last.per_second || now - last.time < VALID_MS;
    const shown = fill(rates, now);
    const highest = Math.max(1, ...shown.map((each) => each.per_second));
    const paths = pathsOf(shown, now, highest);
    line.setAttribute("d", paths.line);
    area.setAttribute("d", paths.area);
    title.textContent = rateTitle(highest);
    number.textContent = isKnown ? formatRate(last.per_second) : UNKNOWN;
  };
}

/**
 * Return the rates of the last minute, with the zeros that were not sent.
 *
 * @param {Rate[]} rates oldest first
 * @param {number} now
 */
function fill(rates, now) {
  /** @type {Rate[]} */
  const filled = [];
  const isZero = () => filled.length > 0 && filled[filled.length - 1].per_second === 0;
  for (const rate of rates) {
    if (isZero()) {
      filled.push({ time: rate.time - APART_MS, per_second: 0 });
    }
    filled.push(rate);
  }
  if (isZero()) {
    filled.push({ time: now, per_second: 0 });
  }
  return filled.filter(({ time }) => time > now - SPAN_MS);
}

/** @param {Rate[]} rates @param {number} now @param {number} highest */
function pathsOf(rates, now, highest) {
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
