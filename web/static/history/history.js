// The ranks of the last ten minutes: as a chart, and in words below it.

import { colorOf } from "../board/colors.js";
import { setText } from "../dom.js";
import { isBlank } from "../format.js";
import { throttle } from "../live/throttle.js";
import { serverNow } from "../live/times.js";
import { agoText, BLANK, chartTitle } from "../texts.js";
import { drawChart } from "./chart.js";
import { rankOf, Rankings, SPAN_MS } from "./rankings.js";
import { describe, summarize } from "./summary.js";
import { svg } from "./svg.js";

/** @typedef {import("../types.js").Board} Board */
/** @typedef {import("../types.js").Moment} Moment */
/** @typedef {import("../types.js").Story} Story */
/** @typedef {import("./rankings.js").Line} Line */

const INTERVAL_MS = 1000;
const DRIFT_MS = 5000; // between drawings while nothing changes: time goes on
const SHORTEST_MS = 60_000;
const MOST_LANES = 5; // as many as the server sends

export function start() {
  const section = /** @type {HTMLElement} */ (document.querySelector("#history"));
  const board = /** @type {HTMLElement} */ (document.querySelector("#board"));
  const rankings = new Rankings(Math.min(Number(board.dataset.size), MOST_LANES));
  const show = throttle(createView(section, rankings), INTERVAL_MS);
  const update = () => show(undefined);
  setInterval(() => document.hidden || update(), DRIFT_MS);
  addEventListener("resize", update);
  /** @type {string | undefined} */
  let shown; // the period
  /** @type {Moment[]} */
  let unclaimed = []; // moments that came since the last board: they may be of the next period
  return {
    /** @param {Story} story */
    story({ boards }) {
      unclaimed = boards;
      rankings.load(boards);
      update();
    },
    /** @param {Board} board */
    board({ period, rows }) {
      if (shown !== undefined && period !== shown) {
        rankings.all = []; // they are of the period before
        rankings.load(unclaimed);
      }
      shown = period;
      unclaimed = [];
      rankings.add(serverNow(), rows);
      update();
    },
  };
}

/** @param {HTMLElement} section @param {Rankings} rankings */
function createView(section, rankings) {
  const chart = /** @type {SVGSVGElement} */ (section.querySelector("svg"));
  const title = svg("title", { id: "chart-title" });
  const description = svg("desc", { id: "chart-description" });
  section.style.setProperty("--lanes", String(rankings.lanes));
  chart.append(title, description);
  return () => {
    section.hidden = !rankings.all.some(({ users }) => users.length);
    if (section.hidden) {
      return;
    }
    const now = serverNow();
    const first = rankings.all[0].time;
    const from = Math.max(now - SPAN_MS, Math.min(first, now - SHORTEST_MS));
    const known = Math.max(from, first);
    const lines = rankings.lines(known);
    const { clientWidth: width, clientHeight: height } = chart;
    drawChart(chart, lines, { from, now, width, height, lanes: rankings.lanes });
    title.textContent = chartTitle(now - from);
    description.textContent = describe(lines);
    setText(section.querySelector("figcaption"), summarize(lines, { from: known, now }));
    setText(section.querySelector(".from"), agoText(from, now));
    showLabels(section, lines.filter(rankOf));
  };
}

/** Name each line at its end. @param {HTMLElement} section @param {Line[]} lines */
function showLabels(section, lines) {
  const labels = /** @type {HTMLElement} */ (section.querySelector(".labels"));
  while (labels.children.length > lines.length) {
    labels.lastElementChild?.remove();
  }
  lines.forEach(({ user }, index) => {
    const known = /** @type {HTMLElement | undefined} */ (labels.children[index]);
    const label = known ?? labels.appendChild(createLabel());
    label.dataset.color = String(colorOf(user));
    setText(label.firstElementChild, isBlank(user) ? BLANK : user);
  });
}

function createLabel() {
  const label = document.createElement("li");
  label.append(document.createElement("bdi"));
  return label;
}
