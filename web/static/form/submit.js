// Sending a score, and its answer in words.

import { countText, nameText, numberText } from "../format.js";

/**
 * @typedef {Object} Answer
 * @property {string} error what went wrong, or ""
 * @property {string} field which field is to blame, or ""
 * @property {string} outcome what became of the score, or "" where it was not taken
 * @property {string} user
 * @property {string} score
 */

const WAIT = "wait=2"; // seconds in which the server may see what becomes of the score
const PATIENCE_MS = 12_000;

/**
 * Send a score. It never fails: what goes wrong is in the answer.
 *
 * @param {string} url
 * @param {FormData} form
 * @returns {Promise<Answer>}
 */
export async function send(url, form) {
  const fields = Object.fromEntries(form);
  const user = String(fields.user);
  const score = String(fields.score).trim();
  const refused = { error: "The server cannot be reached. Try again.", field: "", outcome: "" };
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: { "Content-Type": "application/json", Accept: "application/json", Prefer: WAIT },
      body: JSON.stringify({ ...fields, score }),
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    return { ...refused, ...(await read(response)), user, score };
  } catch {
    return { ...refused, user, score };
  }
}

/** @param {Response} response @returns {Promise<Partial<Answer>>} */
async function read(response) {
  const answer = await response.json();
  if (response.ok) {
    return { error: "", outcome: answer.outcome ?? "received" };
  }
  return {
    error: sentence(answer.error, response.headers.get("Retry-After")),
    field: answer.field,
  };
}

/** @param {string} error @param {string | null} seconds */
function sentence(error, seconds) {
  const text = `${error[0].toUpperCase()}${error.slice(1)}.`;
  return seconds ? `${text} Wait ${seconds} s.` : text;
}

/** Say what happened. @param {Answer} answer @param {number} size rows of the board */
export function answerText({ error, outcome, user, score }, size) {
  /** @type {Record<string, string>} */
  const words = {
    top: size > 1 ? `In the top ${countText(size)}` : "In the lead",
    best: "New personal best",
    counted: "Counted, no new best",
    received: "Received, not counted yet",
  };
  return (
    error ||
    `${words[outcome] ?? words.received}: ${nameText(user)}, ${numberText(score.replace("+", ""))}.`
  );
}
