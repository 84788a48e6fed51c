// The card of one player: the rank, the neighbours and the next better. Each `rank` event of the
// stream makes it ask for the card anew. A page with a name in its address shows that player, any
// other page the one who added a score in this browser.

import { arrange, createRow } from "../board/rows.js";
import { setText } from "../dom.js";
import { formatNumber } from "../format.js";
import { throttle } from "../live/throttle.js";
import { NOT_RANKED_YET, noScoreText, placeText } from "../texts.js";
import { remembered } from "./remembered.js";

/** @typedef {import("../types.js").Row} Row */
/** @typedef {import("../types.js").Player} Player */

const REFRESH_MS = 2000; // the rank may change each second
const ANNOUNCE_MS = 30_000;
const IN_PATH = /^(?!\.{1,2}$)/; // browsers take "." and ".." for parts of the path

export function start() {
  const section = /** @type {HTMLElement} */ (document.querySelector("#player"));
  const form = /** @type {HTMLFormElement | null} */ (section.querySelector("#find"));
  if (!form) {
    return {};
  }
  const card = new Card(section, form);
  return { rank: () => card.refresh(undefined) };
}

class Card {
  /** @param {HTMLElement} section @param {HTMLFormElement} form */
  constructor(section, form) {
    const find = (/** @type {string} */ selector) =>
      /** @type {HTMLElement} */ (section.querySelector(selector));
    this._ranks = section.dataset.ranks ?? "";
    this._field = /** @type {HTMLInputElement} */ (find("input[name=user]"));
    this._place = find(".place");
    this._body = find("tbody");
    this._news = find(".news");
    this._announce = throttle((/** @type {string} */ text) => this._say(text), ANNOUNCE_MS);
    this._asked = 0; // requests: an answer to an earlier one comes too late
    this._user = new URL(location.href).searchParams.get("user") ?? "";
    this.refresh = throttle(() => this._load(this._announce), REFRESH_MS);
    form.addEventListener("submit", (event) => this._submit(event));
    document.addEventListener("remembered", () => this._followOwn());
    this._followOwn();
    if (this._user) {
      this.refresh(undefined);
    }
  }

  /** @param {SubmitEvent} event */
  _submit(event) {
    const user = this._field.value;
    if (IN_PATH.test(user)) {
      event.preventDefault();
      keepInAddress(user);
      this._follow(user);
      this._load((text) => this._say(text));
    }
  }

  /** Show the player of this browser, unless the address has another one. */
  _followOwn() {
    const own = remembered();
    if (own && !new URL(location.href).searchParams.has("user")) {
      this._field.value = own;
      this._follow(own);
      this.refresh(undefined);
    }
  }

  /** Get the stream with the ranks of another user. @param {string} user */
  _follow(user) {
    const { dataset } = document.documentElement;
    if (user !== this._user && !dataset.board) {
      const [path, query] = (dataset.stream ?? "live").split("?");
      const fields = new URLSearchParams(query);
      fields.set("user", user);
      dataset.stream = `${path}?${fields}`;
      document.dispatchEvent(new Event("stream"));
    }
    this._user = user;
  }

  /** Ask for the card; what is shown stays where there is no answer. @param {(text: string) => void} say */
  async _load(say) {
    const user = this._user;
    if (!IN_PATH.test(user)) {
      return; // the server has written this card
    }
    const asked = ++this._asked;
    const answer = await fetch(this._ranks + encodeURIComponent(user)).catch(() => undefined);
    const isNewest = asked === this._asked && user === this._user;
    if (answer && isNewest && (answer.ok || answer.status === 404)) {
      const isEarly = answer.headers.has("Retry-After");
      const error = isEarly ? NOT_RANKED_YET : noScoreText(user);
      this._show(answer.ok ? await answer.json() : null, error, say);
    }
  }

  /**
   * @param {Player | null} player
   * @param {string} error
   * @param {(text: string) => void} say
   */
  _show(player, error, say) {
    const rows = (player?.around ?? []).map((row) => rowOf(row, player?.rank === row.rank));
    arrange(this._body, rows);
    const empty = /** @type {HTMLElement} */ (this._body.parentElement?.nextElementSibling);
    empty.hidden = true;
    const text = player ? placeText(player) : error;
    if (setText(this._place, text)) {
      say(text);
    }
  }

  /** Tell a screen reader. @param {string} text */
  _say(text) {
    this._news.textContent = text;
  }
}

/** @param {Row} row @param {boolean} isOwn */
function rowOf(row, isOwn) {
  const element = createRow(row, { rank: formatNumber(row.rank) });
  if (isOwn) {
    element.setAttribute("aria-current", "true");
  }
  return element;
}

/** Keep the name in the address, and in the links to the other boards. @param {string} user */
function keepInAddress(user) {
  const withUser = (/** @type {string} */ address) => {
    const url = new URL(address);
    url.searchParams.set("user", user);
    url.searchParams.delete("outcome");
    return url.href;
  };
  history.replaceState(null, "", withUser(location.href));
  /** @type {NodeListOf<HTMLAnchorElement>} */ (
    document.querySelectorAll(".tabs a, .periods a")
  ).forEach((link) => {
    link.href = withUser(link.href);
  });
}
