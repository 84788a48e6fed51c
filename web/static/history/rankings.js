// The ranks of the last minutes: what the server sent on connect, and what the page received since.

/** @typedef {import("../types.js").Moment} Moment */
/** @typedef {{time: number, users: string[]}} Ranking the users by rank, from a time on */
/** @typedef {{time: number, rank: number}} Step a rank from a time on; 0: not on the board */
/** @typedef {{user: string, steps: Step[]}} Line the ranks of one user, oldest first */

export const SPAN_MS = 10 * 60_000;
const MOST = 600; // rankings that are kept: one a second
const APART_MS = 1000;
const GONE = 20; // users that dropped out and are still shown, at most

/** Keeps at most 600 rankings. */
export class Rankings {
  /** @param {number} lanes ranks that are shown */
  constructor(lanes) {
    this.lanes = lanes;
    /** @type {Ranking[]} oldest first */
    this.all = [];
  }

  /** Put what the server knows before what the page received later. @param {Moment[]} moments */
  load(moments) {
    const sent = moments.map(({ time, rows }) => this._ranking(time, rows));
    const newest = sent.length ? sent[sent.length - 1].time : -Infinity;
    this.all = [...sent, ...this.all.filter(({ time }) => time > newest)].slice(-MOST);
  }

  /**
   * Add a board that the page received; of each second the last is kept.
   *
   * @param {number} time
   * @param {{user: string}[]} rows
   */
  add(time, rows) {
    const ranking = this._ranking(time, rows);
    const last = this.all[this.all.length - 1];
    if (last && isSame(last.users, ranking.users)) {
      return;
    }
    if (last && time - last.time < APART_MS) {
      last.users = ranking.users;
      return;
    }
    this.all = [...this.all.filter((each) => each.time < time), ranking].slice(-MOST);
  }

  /**
   * Return each user's line: those on the board by rank, then those that dropped out, latest first.
   *
   * @param {number} from
   */
  lines(from) {
    /** @type {Map<string, Step[]>} */
    const stepsOf = new Map();
    const rankings = this._since(from);
    for (const { time, users } of rankings) {
      users.forEach((user) => stepsOf.has(user) || stepsOf.set(user, []));
      stepsOf.forEach((steps, user) => addStep(steps, { time, rank: users.indexOf(user) + 1 }));
    }
    const lines = [...stepsOf].map(([user, steps]) => ({
      user,
      steps: startAt(rankings[0].time, steps),
    }));
    const leading = lines.filter(rankOf).sort((a, b) => rankOf(a) - rankOf(b));
    const gone = lines.filter((line) => !rankOf(line)).sort((a, b) => changedAt(b) - changedAt(a));
    return [...leading, ...gone.slice(0, GONE)];
  }

  /** @param {number} from @returns {Ranking[]} the first one is that of `from` */
  _since(from) {
    const later = this.all.filter(({ time }) => time > from);
    const before = this.all[this.all.length - later.length - 1];
    return before ? [{ ...before, time: from }, ...later] : later;
  }

  /** @param {number} time @param {{user: string}[]} rows @returns {Ranking} */
  _ranking(time, rows) {
    return { time, users: rows.slice(0, this.lanes).map(({ user }) => user) };
  }
}

/** Return the rank that a user has now; 0: none. @param {Line} line */
export function rankOf({ steps }) {
  return steps[steps.length - 1].rank;
}

/** Return since when a user has its rank. @param {Line} line */
export function changedAt({ steps }) {
  return steps[steps.length - 1].time;
}

/** Let a line that begins later start off the board. @param {number} time @param {Step[]} steps */
function startAt(time, steps) {
  return steps[0].time > time ? [{ time, rank: 0 }, ...steps] : steps;
}

/** @param {Step[]} steps @param {Step} step */
function addStep(steps, step) {
  if (!steps.length || steps[steps.length - 1].rank !== step.rank) {
    steps.push(step);
  }
}

/** @param {string[]} one @param {string[]} other */
function isSame(one, other) {
  return one.length === other.length && one.every((user, index) => user === other[index]);
}
