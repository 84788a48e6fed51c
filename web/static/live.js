// The connection: one stream of named events. The browser reconnects by itself where it can; where
// it gives up, or does not notice that the other end has vanished, the stream is opened anew.

const SILENCE_MS = 30_000; // after which it is asked whether anything was missed
const LOOK_MS = 5000;
const PATIENCE_MS = 10_000;
const REOPEN_MS = [1000, 10_000]; // at first, and at most

/**
 * @typedef {Object} Told what is told of the connection
 * @property {() => void} opened at the first event
 * @property {(since: number) => void} lost since when nothing was heard, by this clock
 */

/** Follows `/live` as long as the page is there. */
export class Live {
  /**
   * @param {Record<string, (document: any) => void>} parts what takes each kind of event
   * @param {Told} told
   */
  constructor(parts, told) {
    this._parts = parts;
    this._told = told;
    this._heardAt = this._askedAt = Date.now();
    this._reopenMs = REOPEN_MS[0];
    this._timer = 0;
    this._openedAt = NaN;
    this._boardId = "";
    this._open();
    setInterval(() => this._look(), LOOK_MS);
    addEventListener("online", () => this._open());
    addEventListener("offline", () => this._lost());
    addEventListener("pageshow", (event) => event.persisted && this._open());
    document.addEventListener("visibilitychange", () => document.hidden || this._look());
  }

  /** Say whether events come. @param {number} [milliseconds] for how long at least */
  isOpen(milliseconds = 0) {
    return Date.now() - this._openedAt >= milliseconds;
  }

  _open() {
    clearTimeout(this._timer);
    this._source?.close();
    this._openedAt = NaN;
    const resume = this._boardId ? `?lastEventId=${encodeURIComponent(this._boardId)}` : "";
    const source = (this._source = new EventSource(`live${resume}`));
    source.addEventListener("error", () => this._failed(source));
    for (const name of Object.keys(this._parts)) {
      source.addEventListener(name, (event) => this._take(name, event));
    }
  }

  _lost() {
    this._openedAt = NaN;
    this._told.lost(this._heardAt);
  }

  /** @param {EventSource} source */
  _failed(source) {
    this._lost();
    if (source.readyState === EventSource.CLOSED) {
      clearTimeout(this._timer);
      this._timer = setTimeout(() => this._open(), this._reopenMs * (1 + Math.random()));
      this._reopenMs = Math.min(2 * this._reopenMs, REOPEN_MS[1]);
    }
  }

  /** @param {string} name @param {MessageEvent<string>} event */
  _take(name, event) {
    this._heardAt = Date.now();
    this._boardId = event.lastEventId || this._boardId;
    if (!this.isOpen()) {
      this._openedAt = Date.now();
      this._reopenMs = REOPEN_MS[0];
      this._told.opened();
    }
    this._parts[name](JSON.parse(event.data));
  }

  /** Ask, after a long silence, whether the server has another board than the one that was sent. */
  async _look() {
    if (!this.isOpen() || Date.now() - Math.max(this._heardAt, this._askedAt) < SILENCE_MS) {
      return;
    }
    const askedAt = (this._askedAt = Date.now());
    if ((await this._hasMissed()) && this._heardAt < askedAt) {
      this._lost();
      this._open();
    }
  }

  async _hasMissed() {
    try {
      const signal = AbortSignal.timeout(PATIENCE_MS);
      const answer = await fetch("top5", { method: "HEAD", cache: "no-store", signal });
      const newest = answer.headers.get("ETag")?.replace(/^W\/|"/g, "") ?? "";
      return answer.ok && newest !== this._boardId;
    } catch {
      return true;
    }
  }
}
