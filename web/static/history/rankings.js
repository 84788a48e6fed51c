// The story of the board: who stood where over the last minutes, from what the server sent on
// connect and what the page saw since.

/** @typedef {import("../types.js").Moment} Moment */
/** @typedef {{time: number, users: string[]}} Order who stood where, best first, since when */
/** @typedef {{time: number, rank: number}} Step a rank since a time; 0: not on the board */
/** @typedef {{user: string, steps: Step[]}} Line one user's way, oldest step first */

export const SPAN_MS = 10 * 60_000;
const MOST = 600; // orders that are kept: one a second
const APART_MS = 1000;
const LEFT = 20; // users that have left and are still shown, at most

/** Keeps the orders of the last minutes; bounded, whatever comes. */
export class Story {
  /** @param {number} lanes ranks that are told of */
  constructor(lanes) {
    this.lanes = lanes;
    /** @type {Order[]} */
    this.orders = [];
  }

  /** Take what the server knows; what the page saw later stays. @param {Moment[]} moments */
  tell(moments) {
    const sent = moments.map(({ time, rows }) => this._order(time, rows));
    const last = sent.at(-1)?.time ?? -Infinity;
    this.orders = [...sent, ...this.orders.filter(({ time }) => time > last)].slice(-MOST);
  }

  /**
   * Take a board that the page saw; of each second the last.
   *
   * @param {number} time
   * @param {{user: string}[]} rows
   */
  see(time, rows) {
    const order = this._order(time, rows);
    const last = this.orders.at(-1);
    if (last && isSame(last.users, order.users)) {
      return;
    }
    if (last && time - last.time < APART_MS) {
      last.users = order.users;
      return;
    }
    this.orders = [...this.orders.filter((each) => each.time < time), order].slice(-MOST);
  }

  /**
   * Give everyone's way from `from` on: who leads now by rank, then who left last.
   *
   * @param {number} from
   */
  lines(from) {
    /** @type {Map<string, Step[]>} */
    const ways = new Map();
    const orders = this._since(from);
    for (const { time, users } of orders) {
      users.forEach((user) => ways.has(user) || ways.set(user, []));
      ways.forEach((steps, user) => addStep(steps, { time, rank: users.indexOf(user) + 1 }));
    }
    const lines = [...ways].map(([user, steps]) => ({ user, steps: begin(steps, orders[0].time) }));
    const leading = lines.filter((line) => rankOf(line)).sort((a, b) => rankOf(a) - rankOf(b));
    const left = lines.filter((line) => !rankOf(line)).sort((a, b) => leftAt(b) - leftAt(a));
    return [...leading, ...left.slice(0, LEFT)];
  }

  /** @param {number} from @returns {Order[]} the first as of `from` */
  _since(from) {
    const later = this.orders.filter(({ time }) => time > from);
    const first = this.orders.findLast(({ time }) => time <= from);
    return first ? [{ ...first, time: from }, ...later] : later;
  }

  /** @param {number} time @param {{user: string}[]} rows @returns {Order} */
  _order(time, rows) {
    return { time, users: rows.slice(0, this.lanes).map(({ user }) => user) };
  }
}

/** Give the rank that a user has now; 0: none. @param {Line} line */
export function rankOf({ steps }) {
  return steps[steps.length - 1].rank;
}

/** @param {Line} line */
function leftAt({ steps }) {
  return steps[steps.length - 1].time;
}

/** Let who came later begin off the board. @param {Step[]} steps @param {number} time */
function begin(steps, time) {
  return steps[0].time > time ? [{ time, rank: 0 }, ...steps] : steps;
}

/** @param {Step[]} steps @param {Step} step */
function addStep(steps, step) {
  if (steps.at(-1)?.rank !== step.rank) {
    steps.push(step);
  }
}

/** @param {string[]} one @param {string[]} other */
function isSame(one, other) {
  return one.length === other.length && one.every((user, index) => user === other[index]);
}
