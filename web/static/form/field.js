// The fields of the form and the errors beside them. Nobody is told of an error while they type a
// field for the first time, and whoever mends one sees at once that it is gone.

/** One field, its check, and the place of its error. */
export class Field {
  /**
   * @param {HTMLInputElement} input
   * @param {(value: string) => string} check says what is wrong, or ""
   */
  constructor(input, check) {
    this.input = input;
    this._check = check;
    this._error = /** @type {HTMLElement} */ (document.getElementById(`${input.name}-error`));
    input.addEventListener("input", () => this._isMarked() && this.check());
    input.addEventListener("blur", () => input.value && this.check());
  }

  /** Check what is there now. @returns {boolean} whether it is right */
  check() {
    const problem = this._check(this.input.value);
    this.mark(problem);
    return !problem;
  }

  /** Show what is wrong, or with "" nothing. @param {string} problem */
  mark(problem) {
    this._error.textContent = problem;
    if (problem) {
      this.input.setAttribute("aria-invalid", "true");
    } else {
      this.input.removeAttribute("aria-invalid");
    }
  }

  _isMarked() {
    return this.input.hasAttribute("aria-invalid");
  }
}
