// The page: the map of its parts. Each part starts by itself and returns what it does with each
// event of the server. A part that fails leaves the others alone.

import { SharedStream } from "./live/tabs.js";

/** @typedef {import("./types.js").Part} Part */
/** @typedef {() => Promise<{start: () => Part | void}>} Load */

/** @type {Load[]} in the order in which they receive an event */
const EVERYWHERE = [
  () => import("./live/connection.js"), // live, troubled, stale or reconnecting; the switch that pauses
  () => import("./live/times.js"), // the server's clock; "2 min ago"
  () => import("./board/colors.js"), // a colour for each leader, used by the next two
  () => import("./board/board.js"), // the rows, the number of players
  () => import("./board/announcer.js"), // a new leader, for screen readers
];
/** @type {Load[]} */
const DASHBOARD = [
  () => import("./board/scores.js"), // the last ten
  () => import("./history/rate.js"), // scores per second
  () => import("./form/form.js"), // adds a score
];
/** @type {Load[]} a page without a stream */
const STILL = [() => import("./live/times.js")];
/** @type {Record<string, Load[]>} */
const DISPLAYS = { hall: [() => import("./live/awake.js")], embed: [] };
/** @type {Record<string, Load>} by the id of their place, which not every page has */
const SOMETIMES = {
  period: () => import("./board/period.js"), // which day, week or month it is, in words
  player: () => import("./player/player.js"), // the rank of one player, and the neighbours
  history: () => import("./history/history.js"), // the ranks of the last ten minutes
};

/** @param {Load} load @returns {Promise<Part>} */
async function start(load) {
  try {
    return (await load()).start() ?? {};
  } catch (error) {
    console.error("A part of the page does not work here:", error);
    return {};
  }
}

/** @param {Part[]} parts @param {keyof Part} name @param {any} document */
function deliver(parts, name, document) {
  for (const part of parts) {
    try {
      part[name]?.(document);
    } catch (error) {
      console.error("A part of the page failed:", error);
    }
  }
}

/** Show the board of an earlier period, which has no stream. @param {Part[]} parts @param {string} address */
async function showEarlier(parts, address) {
  const answer = await fetch(address).catch(() => undefined);
  if (answer?.ok) {
    deliver(parts, "board", await answer.json()); // or it stays as the server has written it
  }
}

const { stream } = document.documentElement.dataset;
const { className: display } = document.documentElement; // "hall", "embed", or "" with all parts
const optional = Object.entries(SOMETIMES).filter(([id]) => document.getElementById(id));
const always = stream ? [...EVERYWHERE, ...(DISPLAYS[display] ?? DASHBOARD)] : STILL;
const loads = [...always, ...optional.map(([, load]) => load)];
Promise.all(loads.map(start)).then((parts) => {
  const { board } = document.documentElement.dataset;
  if (board) {
    showEarlier(parts, board);
  }
  return stream && new SharedStream((name, document) => deliver(parts, name, document));
});
