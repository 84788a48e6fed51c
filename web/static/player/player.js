// The card of one player: the rank, the neighbours and the next better, as the `rank` events of the
// stream have them. A page with a name in its address shows that player, any other page the one who
// added a score in this browser.

import { arrange, createRow } from "../board/rows.js";
import { setText } from "../dom.js";
import { formatNumber } from "../format.js";
import { throttle } from "../live/throttle.js";
import { NOT_RANKED_YET, placeText } from "../texts.js";
import { remembered } from "./remembered.js";

/** @typedef {import("../types.js").Row} Row */
/** @typedef {import("../types.js").Rank} Rank */

const AROUND = "2"; // rows above and below, as in the card that the server writes
const INTERVAL_MS = 1000;
const ANNOUNCE_MS = 30_000;

/** @returns {import("../types.js").Part} */
export function start() {
  const section = /** @type {HTMLElement} */ (document.querySelector("#player"));
  const form = /** @type {HTMLFormElement | null} */ (section.querySelector("#find"));
  return form ? new Card(section, form) : {};
}

class Card {
  /** @param {HTMLElement} section @param {HTMLFormElement} form */
  constructor(section, form) {
    const find = (/** @type {string} */ selector) =>
      /** @type {HTMLElement} */ (section.querySelector(selector));
    this._section = section;
    this._ranks = section.dataset.ranks; // of an earlier period, which has no stream
    this._field = /** @type {HTMLInputElement} */ (find("input[name=user]"));
    this._place = find(".place");
    this._body = find("tbody");
    this._news = find(".news");
    this._announce = throttle(() => this._say(), ANNOUNCE_MS);
    this._refresh = throttle(() => this._rank && this._show(), INTERVAL_MS);
    this._user = new URL(location.href).searchParams.get("user") ?? "";
    /** @type {Rank | undefined} the newest of this user */
    this._rank = undefined;
    form.addEventListener("submit", (event) => this._submit(event));
    document.addEventListener("remembered", () => this._followOwn());
    this._followOwn();
  }

  /** The first rank of a user is shown at once. @param {Rank} rank */
  rank(rank) {
    const isFirst = !this._rank;
    this._rank = rank;
    if (isFirst) {
      this._show();
      this._say();
    } else {
      this._refresh(undefined);
    }
  }

  /** The stream is up to date: a rank that has not come is not read yet. */
  beat() {
    if (this._user && !this._rank && !this._ranks) {
      this._show();
    }
  }

  /** @param {SubmitEvent} event */
  _submit(event) {
    if (!this._ranks) {
      event.preventDefault();
      keepInAddress(this._field.value);
      this._follow(this._field.value);
    }
  }

  /** Show the player of this browser, unless the address has another one. */
  _followOwn() {
    const own = remembered();
    if (own && !new URL(location.href).searchParams.has("user")) {
      this._field.value = own;
      this._makeRoom();
      this._follow(own);
    }
  }

  /** Keep room for the card, and in its place what is below: a score was added there just now. */
  _makeRoom() {
    const below = document.querySelector("#form");
    const topOf = () => below?.getBoundingClientRect().top ?? 0;
    const top = topOf();
    this._section.classList.add("followed");
    scrollBy(0, topOf() - top);
  }

  /** Get the stream with the ranks of another user. @param {string} user */
  _follow(user) {
    if (user === this._user) {
      return;
    }
    this._user = user;
    this._rank = undefined;
    this._section.classList.add("followed");
    if (this._ranks) {
      this._load(this._ranks + encodeURIComponent(user));
      return;
    }
    const { dataset } = document.documentElement;
    const [path, query] = (dataset.stream ?? "live").split("?");
    const fields = new URLSearchParams(query);
    fields.set("user", user);
    fields.set("around", AROUND);
    dataset.stream = `${path}?${fields}`;
    document.dispatchEvent(new Event("stream"));
  }

  /** Show a rank that no event has, if there is one. @param {string} address */
  async _load(address) {
    const answer = await fetch(address).catch(() => undefined);
    if (answer?.ok) {
      this.rank(await answer.json());
    }
  }

  _show() {
    const { rank, around = [] } = this._rank ?? {};
    arrange(this._body, around.map((row) => rowOf(row, row.rank === rank)));
    const empty = /** @type {HTMLElement} */ (this._body.parentElement?.nextElementSibling);
    empty.hidden = true;
    setText(this._place, this._rank ? placeText(this._rank) : NOT_RANKED_YET);
    this._announce(undefined);
  }

  /** Tell a screen reader what is shown. */
  _say() {
    setText(this._news, this._place.textContent ?? "");
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

/** Keep the name in the address, and in the links to other boards and ranks. @param {string} user */
function keepInAddress(user) {
  const withUser = (/** @type {string} */ address) => {
    const url = new URL(address);
    url.searchParams.set("user", user);
    url.searchParams.delete("outcome");
    return url.href;
  };
  history.replaceState(null, "", withUser(location.href));
  /** @type {NodeListOf<HTMLAnchorElement>} */ (
    document.querySelectorAll(".tabs a, .periods a, #all-ranks")
  ).forEach((link) => {
    link.href = withUser(link.href);
  });
}
