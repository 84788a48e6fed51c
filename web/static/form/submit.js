// Sends a score to the server.

import { NO_SERVER, refusalText } from "../texts.js";

/**
 * @typedef {Object} Answer
 * @property {string} error what went wrong, or ""
 * @property {string} field the field with the error, or ""
 * @property {string} outcome what became of the score, or "" after an error
 * @property {number} [rank] of all time, where it is known
 * @property {string} user
 * @property {string} score
 */

const PREFER = "wait=2"; // seconds for the outcome
const TIMEOUT_MS = 12_000;

/**
 * Send a score. It never fails: the answer names the error.
 *
 * @param {string} url
 * @param {FormData} form
 * @returns {Promise<Answer>}
 */
export async function submit(url, form) {
  const fields = Object.fromEntries(form);
  const user = String(fields.user);
  const score = String(fields.score).trim();
  const failed = { error: NO_SERVER, field: "", outcome: "", user, score };
  const abort = new AbortController();
  const timeout = setTimeout(() => abort.abort(), TIMEOUT_MS);
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: { "Content-Type": "application/json", Accept: "application/json", Prefer: PREFER },
      body: JSON.stringify({ ...fields, score }),
      signal: abort.signal,
    });
    return { ...failed, ...(await read(response)) };
  } catch {
    return failed;
  } finally {
    clearTimeout(timeout);
  }
}

/** @param {Response} response @returns {Promise<Partial<Answer>>} */
async function read(response) {
  const answer = await response.json();
  if (response.ok) {
    return { error: "", outcome: answer.outcome ?? "received", rank: answer.rank };
  }
  return {
    error: refusalText(answer.error, response.headers.get("Retry-After")),
    field: answer.field,
  };
}
