// The part of the page that tells the story: it keeps it, and draws and words it anew in its pace.

import { paced } from "../live/throttle.js";
import { drawPlot } from "./chart.js";
import { describe, retell } from "./summary.js";
import { rankOf, SPAN_MS, Story } from "./rankings.js";
import { svg } from "./svg.js";
import { serverNow } from "../live/times.js";
import { BLANK, isBlank, spanText } from "../format.js";

/** @typedef {import("../types.js").Moment} Moment */

const PACE_MS = 1000;
const DRIFT_MS = 5000; // between drawings while nothing changes: time goes on
const SHORTEST_MS = 60_000;
const MOST_LANES = 5; // as many as the server tells of

/**
 * Give what takes the server's story and each board.
 *
 * @param {HTMLElement} section
 * @param {number} size rows of the board
 * @param {(user: string) => number} slotOf
 */
export function createHistory(section, size, slotOf) {
  const story = new Story(Math.min(size, MOST_LANES));
  const show = createView(section, story, slotOf);
  const soon = paced(show, PACE_MS);
  setInterval(() => document.hidden || soon(undefined), DRIFT_MS);
  new ResizeObserver(() => soon(undefined)).observe(section);
  return {
    /** @param {Moment[]} moments */
    tell(moments) {
      story.tell(moments);
      soon(undefined);
    },
    /** @param {{user: string}[]} rows */
    see(rows) {
      story.see(serverNow(), rows);
      soon(undefined);
    },
  };
}

/** @param {HTMLElement} section @param {Story} story @param {(user: string) => number} slotOf */
function createView(section, story, slotOf) {
  const plot = /** @type {SVGSVGElement} */ (section.querySelector("svg"));
  const title = svg("title", { id: "story-name" });
  const told = svg("desc", { id: "story-told" });
  section.style.setProperty("--lanes", String(story.lanes));
  plot.append(title, told);
  return () => {
    section.hidden = !story.orders.some(({ users }) => users.length);
    if (section.hidden) {
      return;
    }
    const now = serverNow();
    const from = Math.max(now - SPAN_MS, Math.min(story.orders[0].time, now - SHORTEST_MS));
    const lines = story.lines(Math.max(from, story.orders[0].time));
    const { clientWidth: width, clientHeight: height } = plot;
    drawPlot(plot, lines, slotOf, { from, now, width, height, lanes: story.lanes });
    title.textContent = `Rank of each leader over the last ${spanText(now - from)}`;
    told.textContent = describe(lines);
    setText(
      section,
      "figcaption",
      retell(lines, { from: Math.max(from, story.orders[0].time), now }),
    );
    setText(section, ".from", `${spanText(now - from)} ago`);
    showLabels(section, lines.filter(rankOf), slotOf);
  };
}

/**
 * Name each line at its end.
 *
 * @param {HTMLElement} section
 * @param {import("./rankings.js").Line[]} lines
 * @param {(user: string) => number} slotOf
 */
function showLabels(section, lines, slotOf) {
  const labels = /** @type {HTMLElement} */ (section.querySelector(".labels"));
  while (labels.children.length > lines.length) {
    labels.lastElementChild?.remove();
  }
  lines.forEach(({ user }, index) => {
    const label = /** @type {HTMLElement} */ (
      labels.children[index] ?? labels.appendChild(makeLabel())
    );
    label.dataset.slot = String(slotOf(user));
    setText(label, "bdi", isBlank(user) ? BLANK : user);
  });
}

function makeLabel() {
  const label = document.createElement("li");
  label.append(document.createElement("bdi"));
  return label;
}

/** @param {HTMLElement} within @param {string} selector @param {string} text */
function setText(within, selector, text) {
  const element = within.querySelector(selector);
  if (element && element.textContent !== text) {
    element.textContent = text;
  }
}
