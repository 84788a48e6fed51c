// The page: what comes in on the one stream goes to the parts of the page.

import { showBoard } from "./board.js";
import { watchForm } from "./form.js";
import { follow } from "./live.js";
import { addScore } from "./scores.js";
import { showTimes } from "./words.js";

showTimes(document);
watchForm(document.getElementById("form"), document.getElementById("answer"));
follow(document.getElementById("connection"), {
  board: (board) => showBoard(document.querySelector("#board tbody"), board),
  score: (score) => addScore(document.querySelector("#scores tbody"), score),
});
