// The chart: a line for each leader, at the height of its rank, up to now.

import { colorOf } from "../board/colors.js";
import { rankOf } from "./rankings.js";
import { coordinate, svg } from "./svg.js";

/** @typedef {import("./rankings.js").Line} Line */
/** @typedef {import("./rankings.js").Step} Step */
/** @typedef {{from: number, now: number, width: number, height: number, lanes: number}} Frame */
/** @typedef {{x: number, y: number, isShown: boolean}} Point */

const TURN = 8; // pixels before and after a change within which a line turns
const MARGIN = 10; // pixels for the dots at the edges

/**
 * Draw the lines, the leader's last, so that it is on top.
 *
 * @param {SVGSVGElement} chart
 * @param {Line[]} lines
 * @param {Frame} frame
 */
export function drawChart(chart, lines, frame) {
  chart.setAttribute("viewBox", `0 0 ${frame.width} ${frame.height}`);
  const drawn = lines.map((line) => drawLine(line, rankOf(line) ? colorOf(line.user) : 0, frame));
  chart.querySelector("g")?.remove();
  chart.append(svg("g", {}, ...drawGrid(frame), ...drawn.reverse()));
}

/** @param {Frame} frame */
function drawGrid({ width, height, lanes }) {
  return Array.from({ length: lanes }, (_, lane) => {
    const y = laneY(lane + 1, height, lanes);
    return svg("line", { class: "lane", x1: 0, x2: width, y1: y, y2: y });
  });
}

/** @param {Line} line @param {number} color @param {Frame} frame */
function drawLine({ user, steps }, color, frame) {
  const points = steps.map((step) => pointOf(step, frame));
  const end = frame.width - MARGIN;
  const parts = [svg("title", {}, user), svg("path", { d: path(points, end) })];
  if (color) {
    parts.push(svg("circle", { cx: end, cy: points[points.length - 1].y, r: 5 }));
  }
  return svg("g", { class: "line", "data-color": color }, ...parts);
}

/** @param {Step} step @param {Frame} frame @returns {Point} */
function pointOf({ time, rank }, { from, now, width, height, lanes }) {
  const share = Math.max(0, (time - from) / (now - from));
  return {
    x: MARGIN + share * (width - 2 * MARGIN),
    y: laneY(rank || lanes + 1, height, lanes),
    isShown: rank > 0,
  };
}

/**
 * @param {number} rank from 1; the lane below the last is out of sight
 * @param {number} height
 * @param {number} lanes
 */
function laneY(rank, height, lanes) {
  return ((rank - 0.5) * height) / lanes;
}

/**
 * Write a path: level between changes, a smooth turn at each, no line while off the board.
 *
 * @param {Point[]} points
 * @param {number} end
 */
function path(points, end) {
  const [first, ...rest] = points;
  const turns = rest.map((point, index) => {
    const before = points[index];
    const start = Math.max(point.x - TURN, (before.x + point.x) / 2);
    const stop = Math.min(point.x + TURN, (point.x + (rest[index + 1]?.x ?? end)) / 2);
    const level = before.isShown ? `H${coordinate(start)}` : `M${pair(start, before.y)}`;
    return `${level}C${pair(point.x, before.y)} ${pair(point.x, point.y)} ${pair(stop, point.y)}`;
  });
  const tail = points[points.length - 1].isShown ? `H${coordinate(end)}` : "";
  return `M${pair(first.x, first.y)}${turns.join("")}${tail}`;
}

/** @param {number} x @param {number} y */
function pair(x, y) {
  return `${coordinate(x)} ${coordinate(y)}`;
}
