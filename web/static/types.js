// What the server sends on the one stream, each as the JSON of a named event. Times are
// milliseconds since the epoch by the server's clock; scores are digits, exact beyond 2^53.

/**
 * @typedef {{rank: number, user: string, score: string, time: number}} Row
 * @typedef {{board: string, players: number, updated: number, rows: Row[]}} Board `board`
 * @typedef {{user: string, score: string, time: number, partition: number, offset: number}} Score
 *   `score`
 * @typedef {{time: number, per_second: number}} Rate `rate`, about one a second
 * @typedef {{time: number, rows: {user: string, score: string}[]}} Moment a board as it once was
 * @typedef {{boards: Moment[]}} Story `story`, once on connect, oldest first
 * @typedef {{stale_since: number | null, problems: string[]}} Status `status`
 */

export {};
