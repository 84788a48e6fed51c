// Adds a score without a reload; without JavaScript the browser sends the form itself.

import { remember } from "../player/remembered.js";
import { outcomeText, ownRankText } from "../texts.js";
import { Field } from "./field.js";
import { submit } from "./submit.js";
import { checkScore, checkToken, checkUser } from "./validation.js";

/** @typedef {import("../types.js").Board} Board */

export function start() {
  const board = /** @type {HTMLElement} */ (document.querySelector("#board"));
  const form = /** @type {HTMLFormElement | null} */ (document.querySelector("#form"));
  if (!form) {
    return {};
  }
  const shown = new Form(form, Number(board.dataset.size));
  return { board: (/** @type {Board} */ board) => shown.setBoard(board) };
}

class Form {
  /** @param {HTMLFormElement} form @param {number} size rows of the board */
  constructor(form, size) {
    this._form = form;
    this._size = size;
    /** @type {Board | null} */
    this._board = null;
    this._isSending = false;
    this._answer = /** @type {HTMLElement} */ (form.querySelector("#answer"));
    this._button = /** @type {HTMLElement} */ (form.querySelector("button"));
    this._fields = fieldsOf(form);
    form.noValidate = true; // errors are shown beside the fields, not in the browser's bubbles
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this._submit();
    });
  }

  /** @param {Board} board */
  setBoard(board) {
    this._board = board;
  }

  async _submit() {
    const invalid = this._fields.filter((field) => !field.isValid());
    if (invalid.length || this._isSending) {
      invalid[0]?.input.focus();
      return;
    }
    this._setSending(true);
    this._show(await submit(this._form.action, new FormData(this._form)));
    this._setSending(false);
  }

  /** @param {import("./submit.js").Answer} answer */
  _show({ error, field: name, outcome, user, score, rank }) {
    const field = this._field(name);
    field?.showError(error);
    field?.input.focus();
    this._answer.classList.toggle("bad", Boolean(error));
    if (error) {
      this._answer.textContent = field ? "" : error;
      return;
    }
    const answered = outcomeText(outcome, { user, score, size: this._size });
    this._answer.textContent = answered + (rank ? ` ${this._rankText(rank)}` : "");
    remember(user);
    /** @type {Field} */ (this._field("score")).input.value = "";
  }

  /** The rank of all time: the page may show another board. @param {number} rank */
  _rankText(rank) {
    const { period = "", players = 0 } = this._board ?? {};
    return ownRankText(rank, period ? 0 : players);
  }

  /** @param {string} name */
  _field(name) {
    return this._fields.find(({ input }) => input.name === name);
  }

  /** @param {boolean} isSending */
  _setSending(isSending) {
    this._isSending = isSending;
    this._button.setAttribute("aria-disabled", String(isSending));
    if (isSending) {
      this._answer.classList.remove("bad");
      this._answer.textContent = "";
    }
  }
}

/** @param {HTMLFormElement} form */
function fieldsOf(form) {
  const limits = {
    userMaxBytes: Number(form.dataset.userMaxBytes),
    scoreBits: Number(form.dataset.scoreBits),
  };
  /** @type {Record<string, (value: string) => string>} */
  const checks = {
    user: (value) => checkUser(value, limits),
    score: (value) => checkScore(value, limits),
    token: checkToken,
  };
  const inputs = /** @type {NodeListOf<HTMLInputElement>} */ (form.querySelectorAll("input"));
  return [...inputs].map((input) => new Field(input, checks[input.name]));
}
