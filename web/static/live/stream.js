// The server's events on one EventSource. It is replaced when it fails, when it does not open in
// time, and when nothing arrives for longer than two heartbeats.

const EVENTS = ["status", "board", "removal", "score", "rate", "story", "rank", "beat"];
const CONNECT_MS = 20_000; // the server may need ten seconds to get a board that is new enough
const CHECK_MS = 500;
const PAUSE_MS = { least: 1000, first: 5000, most: 10_000 }; // the longest doubles each time
const REFUSED_MS = { least: 10_000, most: 30_000 };

/** @typedef {import("../types.js").Refusal} Refusal */

/** A stream is open, or rests until the next attempt; both have a deadline. */
export class Stream {
  /**
   * @param {string} url
   * @param {number} silenceMs without an event, after which the stream counts as lost
   * @param {Object} to
   * @param {(name: string, data: string, id: string) => void} to.receive
   * @param {(nextAt: number, refused?: Refusal) => void} to.lose `nextAt`: of the new attempt, by
   *   this computer's clock
   */
  constructor(url, silenceMs, to) {
    this.lastEventId = "";
    this.url = url; // another one counts from the next `open` on
    this._silenceMs = silenceMs;
    this._to = to;
    this._longestMs = PAUSE_MS.first;
    /** @type {EventSource | null} */
    this._source = null;
    this._deadline = Infinity;
    setInterval(() => this._check(), CHECK_MS);
  }

  open() {
    this.rest(CONNECT_MS);
    const url = new URL(this.url);
    if (this.lastEventId) {
      url.searchParams.set("lastEventId", this.lastEventId);
    }
    this._source = new EventSource(url.href);
    this._source.addEventListener("error", () => this.fail());
    EVENTS.forEach((name) => this._source?.addEventListener(name, (event) => this._receive(event)));
  }

  /** Open now, unless it is open and not overdue. */
  hurry() {
    if (!this._source || performance.now() >= this._deadline) {
      this.open();
    }
  }

  /** Close, and open again after so many milliseconds. @param {number} milliseconds */
  rest(milliseconds) {
    this._source?.close();
    this._source = null;
    this._deadline = performance.now() + milliseconds;
  }

  /** Close, report the loss, and try again after a pause. */
  fail() {
    const most = this._longestMs;
    this._longestMs = Math.min(2 * most, PAUSE_MS.most);
    this._retry(between(PAUSE_MS.least, most));
  }

  /** @param {number} pauseMs @param {Refusal} [refused] */
  _retry(pauseMs, refused) {
    this.rest(pauseMs);
    this._to.lose(Date.now() + pauseMs, refused);
  }

  /** @param {MessageEvent<string>} event */
  _receive({ type, data, lastEventId }) {
    const refused = type === "status" && JSON.parse(data).refused;
    if (refused) {
      this._retry(between(REFUSED_MS.least, REFUSED_MS.most), refused);
      return;
    }
    this.lastEventId = lastEventId || this.lastEventId;
    this._longestMs = PAUSE_MS.first;
    this._deadline = performance.now() + this._silenceMs;
    this._to.receive(type, data, lastEventId);
  }

  _check() {
    if (performance.now() < this._deadline) {
      return;
    }
    if (this._source) {
      this.fail();
    } else {
      this.open();
    }
  }
}

/**
 * Choose at random, so that not all browsers come back at once.
 *
 * @param {number} least
 * @param {number} most
 */
function between(least, most) {
  return least + (most - least) * Math.random();
}
