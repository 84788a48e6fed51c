// The page: what comes in on the one stream goes to the parts of the page that are there.

import { createAnnouncer } from "./board/announcer.js";
import { createBoard } from "./board/board.js";
import { Connection } from "./live/connection.js";
import { Form } from "./form/form.js";
import { keepHall } from "./live/awake.js";
import { createHistory } from "./history/history.js";
import { Live } from "./live/stream.js";
import { GLIDE_MS } from "./board/motion.js";
import { watchNames } from "./board/names.js";
import { paced } from "./live/throttle.js";
import { createRate } from "./history/rate.js";
import { createScores } from "./board/scores.js";
import { createSlots } from "./board/colors.js";
import { keepTimes, setServerTime, showTime } from "./live/times.js";
import { numberText } from "./format.js";

/** @typedef {import("./types.js").Board} Board */
/** @typedef {import("./types.js").Rate} Rate */

const BURST_MS = 3000; // after the opening, in which the rates of the last minute are sent

/** @param {string} selector @returns {any} null where the page has no such part */
const find = (selector) => document.querySelector(selector);

const isHall = document.documentElement.classList.contains("hall");
const size = Number(find("#board").dataset.size);
find("#board").style.setProperty("--rows", String(size));
const slots = createSlots();
const connection = new Connection(find("#connection"));
const announce = createAnnouncer(find("#news"));
const showRows = createBoard(find("#board tbody"), slots.of);
const history = isHall ? null : createHistory(find("#story"), size, slots.of);
const addScore = isHall ? null : createScores(find("#scores tbody"));
const addRate = isHall ? null : createRate(find("#rate"), find("#rate-plot"));
const noteChange = isHall ? keepHall() : null;

const showBoard = paced((/** @type {Board} */ { players, updated, rows }) => {
  showRows(rows);
  find("#players")?.replaceChildren(numberText(players));
  if (updated && !isHall) {
    showTime(find("#changed time"), updated);
  }
}, GLIDE_MS);

keepTimes();
document.querySelectorAll("table").forEach(watchNames);
if (!isHall) {
  new Form(find("#form"), size);
}

const live = new Live(
  {
    board: (/** @type {Board} */ board) => {
      const [leader] = board.rows;
      slots.take(board.rows.map(({ user }) => user));
      announce(leader);
      history?.see(board.rows);
      noteChange?.();
      showBoard(board);
    },
    score: (score) => addScore?.(score),
    rate: (/** @type {Rate} */ rate) => {
      if (live.isOpen(BURST_MS)) {
        setServerTime(rate.time);
      }
      addRate?.(rate);
    },
    story: ({ boards }) => history?.tell(boards),
    status: (status) => connection.told(status),
  },
  { opened: () => connection.opened(), lost: (since) => connection.lost(since) },
);
