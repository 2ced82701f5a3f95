/** The words that mean true and false in variables and settings. */

const WORDS: ReadonlyMap<string, boolean> = new Map([
  ...['1', 'true', 'yes', 'on'].map((word) => [word, true] as const),
  ...['0', 'false', 'no', 'off'].map((word) => [word, false] as const),
])

/** The accepted words, as a hint for an error about another one. */
export const SWITCH_HINT = 'true, 1, yes and on are the same, and so are false, 0, no and off'

/**
 * Reads a word as true or false, in upper or lower case.
 * @returns undefined for any other word: a misspelt "no" must not switch something on, nor a misspelt "yes" be ignored
 */
export function readSwitch(text: string): boolean | undefined {
  return WORDS.get(text.toLowerCase())
}
