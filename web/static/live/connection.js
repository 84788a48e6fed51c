// The connection in words: live, stale or reconnecting, and since when.

import { timeElement } from "./times.js";

/** @typedef {import("../types.js").Status} Status */

/** Shows what `Live` tells of itself, and what the server tells of its own sources. */
export class Connection {
  /** @param {HTMLElement} element */
  constructor(element) {
    this._element = element;
    this._state = /** @type {HTMLElement} */ (element.querySelector("[role=status]"));
    this._detail = /** @type {HTMLElement} */ (element.querySelector(".detail"));
    /** @type {Status} */
    this._status = { stale_since: null, problems: [] };
    this._show("waiting", "Connecting");
  }

  opened() {
    this._showStatus();
  }

  /** @param {number} since milliseconds, by this clock */
  lost(since) {
    this._show("lost", "Reconnecting", " · as of ", timeElement(since, { clock: true }));
  }

  /** @param {Status} status */
  told(status) {
    this._status = status;
    this._showStatus();
  }

  _showStatus() {
    const { stale_since: since, problems } = this._status;
    if (since === null) {
      this._show("live", "Live");
      return;
    }
    const when = since ? [" since ", timeElement(since, { clock: true })] : [];
    this._show("stale", "Stale", ...when, problems.length ? `: ${problems[0]}` : "");
  }

  /** @param {string} name @param {string} word @param {...(string | Node)} detail */
  _show(name, word, ...detail) {
    this._element.dataset.state = name;
    if (this._state.textContent !== word) {
      this._state.textContent = word; // what a screen reader says, so only when it changes
    }
    this._detail.replaceChildren(...detail);
  }
}
