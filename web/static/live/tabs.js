// One stream for all tabs of a browser that show the same board and player: HTTP/1.1 allows six
// connections to a server, and the seventh tab would wait for ever. The oldest tab leads: it keeps
// its stream and sends each event to the others. They open a stream until they are up to date, and
// again when the leader is silent or says goodbye. A browser without BroadcastChannel has a stream
// for each tab. A tab that is hidden for a minute takes no part until it is shown.

import { Stream } from "./stream.js";

/** @typedef {import("../types.js").Part} Part */
/**
 * @typedef {Object} Message from one tab to all others
 * @property {number} tab the sender, by its age
 * @property {string} name of an event; "hello": who leads?; "here": I do; "bye": I no longer do
 * @property {string} [data]
 * @property {string} [id]
 */

const ANSWER_MS = 2000; // for the leader, when a tab is shown again
const HIDDEN_MS = 60_000; // after which a hidden tab lets its stream go

/** Delivers each event of the server, from this tab's stream or from the leader. */
export class SharedStream {
  /**
   * @param {(name: keyof Part, document?: any) => void} deliver
   */
  constructor(deliver) {
    const heartbeatMs = 1000 * Number(document.documentElement.dataset.heartbeatSeconds);
    this._deliver = deliver;
    this._silenceMs = 2 * heartbeatMs + 10_000;
    this._tab = 0; // when it began; a tab that was stopped begins again
    this._ledUntil = -Infinity; // by this time an older tab must be heard again
    this._isUpToDate = false; // since the first `beat` of this tab's stream
    this._isLive = false;
    this._isAsleep = false;
    /** @type {ReturnType<typeof setTimeout> | undefined} until this hidden tab sleeps */
    this._drowsy = undefined;
    this._heardAt = Date.now();
    this._stream = new Stream(address(), this._silenceMs, {
      receive: (name, data, id) => this._receive(name, data, id),
      lose: (nextAt, refused) => this._lose(nextAt, refused),
    });
    this._channel = this._join();
    this._listen();
    this._begin();
    this._sleepIfHidden();
  }

  /** Meet the tabs with the same stream. */
  _join() {
    const channel = "BroadcastChannel" in window ? new BroadcastChannel(this._stream.url) : null;
    channel?.addEventListener("message", ({ data }) => this._hear(data));
    return channel;
  }

  /** Change to the stream that the page names now, and resume there at the newest board. */
  _change() {
    this._leave();
    this._channel?.close();
    this._stream.url = address();
    this._channel = this._join();
    this._ledUntil = -Infinity;
    this._begin();
  }

  _listen() {
    document.addEventListener("stream", () => this._change());
    addEventListener("online", () => this._isAsleep || this._stream.open());
    addEventListener("offline", () => this._isAsleep || this._stream.fail());
    addEventListener("pagehide", () => this._leave());
    addEventListener("pageshow", (event) => event.persisted && this._begin());
    document.addEventListener("freeze", () => this._leave()); // the browser stops a hidden tab
    document.addEventListener("resume", () => this._isAsleep || this._begin());
    document.addEventListener("visibilitychange", () => {
      this._sleepIfHidden();
      document.hidden || this._wake();
    });
  }

  /** Take no part from the next minute on, unless the tab is shown before. */
  _sleepIfHidden() {
    clearTimeout(this._drowsy);
    if (document.hidden) {
      this._drowsy = setTimeout(() => {
        this._leave();
        this._isAsleep = true;
      }, HIDDEN_MS);
    }
  }

  _begin() {
    this._tab = Date.now() + Math.random();
    this._isUpToDate = this._isAsleep = false;
    this._send("hello");
    this._stream.open();
  }

  _leave() {
    this._stream.rest(Infinity);
    if (!this._isLed()) {
      this._send("bye");
    }
  }

  /** Be up to date soon after this tab was hidden: it, or its leader, may have been stopped. */
  _wake() {
    if (this._isAsleep) {
      this._begin();
    } else if (this._isLed()) {
      this._ledUntil = performance.now() + ANSWER_MS;
      this._stream.rest(ANSWER_MS);
      this._send("hello");
    } else {
      this._stream.hurry();
    }
  }

  _isLed() {
    return performance.now() < this._ledUntil;
  }

  /** @param {string} name @param {string} [data] @param {string} [id] */
  _send(name, data, id) {
    this._channel?.postMessage({ tab: this._tab, name, data, id });
  }

  /**
   * Show an event of this tab's stream, and send it to the tabs that this one leads.
   *
   * @param {string} name
   * @param {string} data
   * @param {string} id
   */
  _receive(name, data, id) {
    this._show(name, data);
    if (!this._isLed()) {
      this._send(name, data, id);
    }
    if (name === "beat") {
      this._isUpToDate = true;
      this._rest();
    }
  }

  /** Follow an older tab, and answer a younger one. @param {Message} message */
  _hear({ tab, name, data, id }) {
    if (this._isAsleep) {
      return;
    }
    if (tab > this._tab) {
      if (name === "hello" && this._isLive && !this._isLed()) {
        this._send("here");
      }
    } else if (name === "bye" && this._isLed()) {
      this._ledUntil = -Infinity;
      this._stream.open();
    } else if (name !== "hello" && name !== "bye") {
      this._follow(name, data, id);
    }
  }

  /** @param {string} name @param {string} [data] @param {string} [id] */
  _follow(name, data, id) {
    this._ledUntil = performance.now() + this._silenceMs;
    this._stream.lastEventId = id || this._stream.lastEventId;
    this._rest();
    if (data) {
      this._show(name, data);
    }
  }

  /** Close this tab's stream while another tab leads and nothing was missed. */
  _rest() {
    if (this._isUpToDate && this._isLed()) {
      this._stream.rest(this._silenceMs);
    }
  }

  /** @param {string} name @param {string} data */
  _show(name, data) {
    this._heardAt = Date.now();
    if (!this._isLive) {
      this._isLive = true;
      this._deliver("opened");
    }
    this._deliver(/** @type {keyof Part} */ (name), JSON.parse(data));
  }

  /** @param {number} nextAt @param {import("../types.js").Refusal} [refused] */
  _lose(nextAt, refused) {
    if (this._isLed()) {
      this._isUpToDate = true; // as far as it can be: the leader's events have to do
      this._rest();
      return;
    }
    this._isLive = false;
    this._send("bye");
    this._deliver("lost", { asOf: this._heardAt, nextAt, refused });
  }
}

function address() {
  const { stream = "live" } = document.documentElement.dataset; // one for each board and player
  return new URL(stream, document.baseURI).href;
}
