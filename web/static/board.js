// The board: its rows are those of the newest board, always all of them.

import { row, scoreText, timeElement, userElement } from "./words.js";

/**
 * @param {HTMLElement} body of the table
 * @param {{rows: {rank: number, user: string, score: string, time: number}[]}} board
 */
export function showBoard(body, board) {
  body.replaceChildren(
    ...board.rows.map(({ rank, user, score, time }) =>
      row([String(rank), timeElement(time), userElement(user), scoreText(score)]),
    ),
  );
}
