// The events of the server's stream, each as the JSON of its data. Times are milliseconds since the
// epoch by the server's clock; scores are digits, exact beyond 2^53.

/**
 * @typedef {{rank: number, user: string, score: string, time: number}} Row
 * @typedef {{board: string, period?: string, players: number, updated: number, rows: Row[]}} Board
 *   `board`; that of all time has no period
 * @typedef {{rank: number, user: string, score: string}} Next the row above
 * @typedef {Row & {players: number, around: Row[], next: Next | null}} Player
 * @typedef {Player | {rank: null, user: string, around: Row[]}} Rank `rank`; null: without a score
 * @typedef {{user: string, score: string, time: number, partition: number, offset: number}} Score
 *   `score`
 * @typedef {{user: string, partition: number, offset: number}} Removal `removal`: the user's scores
 *   of this partition before this offset are no longer shown
 * @typedef {{time: number, per_second: number}} Rate `rate`, about one a second
 * @typedef {{time: number, rows: {user: string, score: string}[]}} Moment an earlier board
 * @typedef {{boards: Moment[]}} Story `story`, once on connect, oldest first
 * @typedef {"full" | "behind"} Refusal why the server ends a stream at once
 * @typedef {{stale_since: number | null, problems: string[], refused?: Refusal}} Status `status`
 * @typedef {{time: number}} Beat `beat`, after the first events and at each heartbeat
 */

/**
 * What a part of the page does with each event of the stream, and with the connection itself.
 *
 * @typedef {Object} Part
 * @property {(board: Board) => void} [board]
 * @property {(score: Score) => void} [score]
 * @property {(removal: Removal) => void} [removal]
 * @property {(rate: Rate) => void} [rate]
 * @property {(story: Story) => void} [story]
 * @property {(status: Status) => void} [status]
 * @property {(rank: Rank) => void} [rank] of the player that the page shows
 * @property {(beat: Beat) => void} [beat]
 * @property {() => void} [opened] before the first event of a connection
 * @property {(loss: Loss) => void} [lost]
 *
 * @typedef {Object} Loss the connection failed, or the server refused it
 * @property {number} asOf when the last event arrived, by this computer's clock
 * @property {number} nextAt when the next attempt begins, by this computer's clock
 * @property {Refusal} [refused]
 */

export {};
