/** The words that mean true and false in variables and settings. */

const WORDS: ReadonlyMap<string, boolean> = new Map([
  ...['1', 'true', 'yes', 'on'].map((word) => [word, true] as const),
  ...['0', 'false', 'no', 'off'].map((word) => [word, false] as const),
])

/** The other accepted words, as a hint to "… takes true or false". */
export const SWITCH_HINT = '1, yes and on also mean true; 0, no and off also mean false'

/**
 * Reads a word as true or false, in upper or lower case.
 * @returns undefined for any other word: a misspelt "no" must not switch something on, nor a misspelt "yes" be ignored
 */
export function readSwitch(text: string): boolean | undefined {
  return WORDS.get(text.toLowerCase())
}
