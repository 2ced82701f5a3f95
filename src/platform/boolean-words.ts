const WORDS: ReadonlyMap<string, boolean> = new Map([
  ...['1', 'true', 'yes', 'on'].map((word) => [word, true] as const),
  ...['0', 'false', 'no', 'off'].map((word) => [word, false] as const),
])

/** How to say yes and no in a variable or a setting, for the hint where it was neither. */
export const SWITCH_HINT = 'true, 1, yes and on are the same, and so are false, 0, no and off'

/**
 * Whether a word says yes or no, in any case; undefined where it is neither. Strictly: a word that was meant as
 * "no" must not open anything, nor a misspelt "yes" be passed over.
 */
export function readSwitch(text: string): boolean | undefined {
  return WORDS.get(text.toLowerCase())
}
