// Colours of the leaders: each has one as long as it leads, and no two share one while there are
// enough.

const SLOTS = 6; // colours in page.css, each with a dash of its own

/**
 * @returns {{take: (users: string[]) => void, of: (user: string) => number}} `take` gives slots to
 *   these users and takes them from all others; `of` gives a user's slot, 0 where there is none
 */
export function createSlots() {
  /** @type {Map<string, number>} */
  let taken = new Map();
  return {
    take(users) {
      const kept = new Map([...taken].filter(([user]) => users.includes(user)));
      users.forEach((user) => kept.has(user) || kept.set(user, rarest([...kept.values()])));
      taken = kept;
    },
    of: (user) => taken.get(user) ?? 0,
  };
}

/** @param {number[]} taken @returns {number} the slot, from 1, that is taken least */
function rarest(taken) {
  const counts = Array.from(
    { length: SLOTS },
    (_, slot) => taken.filter((each) => each === slot + 1).length,
  );
  return counts.indexOf(Math.min(...counts)) + 1;
}
