// The story in words, for those who do not see the plot, and for those who do.

import { rankOf } from "./rankings.js";
import { agoText, countText, dateOf, listText, nameText } from "../format.js";

/** @typedef {import("./rankings.js").Line} Line */
/** @typedef {{from: number, now: number}} Span */

const SHORT_MS = 60_000; // a story too short to have an "all along"
const NAMED = 5; // of those who came or went
const NOTHING = "No scores yet.";

/** Tell who leads since when, who entered and who left. @param {Line[]} lines @param {Span} span */
export function retell(lines, span) {
  const leading = lines.filter(rankOf);
  if (!leading.length) {
    return NOTHING;
  }
  const entered = leading.filter(({ steps }) => !steps[0].rank);
  const left = lines.filter((line) => !rankOf(line));
  return [leadText(leading[0], span), partText("New", entered), partText("Dropped out", left)]
    .filter(Boolean)
    .join(" ");
}

/** Say for each leader where it stands and where it came from. @param {Line[]} lines */
export function describe(lines) {
  const each = lines.filter(rankOf).map((line) => `${nameText(line.user)}, ${originText(line)}`);
  return each.length
    ? `${each.map((words, index) => `${index + 1} ${words}`).join("; ")}.`
    : NOTHING;
}

/** @param {Line} line */
function originText({ steps }) {
  if (steps.length === 1) {
    return "all along";
  }
  return steps[0].rank ? `at first ${steps[0].rank}` : "new";
}

/** @param {Line} leader @param {Span} span */
function leadText({ user, steps }, { from, now }) {
  const since = steps[steps.length - 1].time;
  if (since <= from) {
    return now - from < SHORT_MS
      ? `${nameText(user)} leads.`
      : `${nameText(user)} has led all along.`;
  }
  const ago = agoText(dateOf(since), now);
  return `${nameText(user)} took the lead ${ago === "now" ? "just now" : ago}.`;
}

/** @param {string} what @param {Line[]} lines */
function partText(what, lines) {
  const named = lines.slice(0, NAMED).map(({ user }) => nameText(user));
  const more = lines.length - named.length;
  const all = more ? [...named, `${countText(more)} more`] : named;
  return lines.length ? `${what}: ${listText(all)}.` : "";
}
