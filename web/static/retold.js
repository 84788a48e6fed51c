// The story in words, for those who do not see the plot, and for those who do.

import { rankOf } from "./story.js";
import { agoText, dateOf, listText, nameText } from "./words.js";

/** @typedef {import("./story.js").Line} Line */
/** @typedef {{from: number, now: number}} Span */

const SHORT_MS = 60_000; // a story too short to have an "all along"
const NOTHING = "No scores yet.";

/** Tell who leads since when, who entered and who left. @param {Line[]} lines @param {Span} span */
export function retell(lines, span) {
  const leading = lines.filter(rankOf);
  if (!leading.length) {
    return NOTHING;
  }
  const entered = leading.filter(({ steps }) => steps[0].time > span.from);
  const left = lines.filter((line) => !rankOf(line));
  return [leadText(leading[0], span), partText("New", entered), partText("Dropped out", left)]
    .filter(Boolean)
    .join(" ");
}

/** Say for each leader where it stands and where it came from. @param {Line[]} lines */
export function describe(lines) {
  const each = lines.filter(rankOf).map((line) => {
    const [rank, first] = [rankOf(line), line.steps[0].rank];
    const origin =
      line.steps.length === 1 ? "all along" : first === rank ? "again" : `from ${first}`;
    return `${rank} ${nameText(line.user)}, ${origin}`;
  });
  return each.length ? `${each.join("; ")}.` : NOTHING;
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
  return lines.length ? `${what}: ${listText(lines.map(({ user }) => nameText(user)))}.` : "";
}
