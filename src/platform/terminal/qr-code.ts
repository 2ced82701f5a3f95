/** QR codes for a terminal. The only importer of uqr, which is loaded when a code is drawn. */

/** Light modules around the code: ISO/IEC 18004 asks for 4, readers accept 2, and terminals are small. */
const BORDER = 2
/** Bright white on black whatever the terminal's own colours are, because readers expect dark on light. */
const COLOUR = '\u001b[97;40m'
const PLAIN = '\u001b[0m'

/**
 * `text` as the lines of a QR code, two modules to a character.
 * @param columns the terminal's width
 * @param colour false prints no colours: the code is then readable on a dark terminal only
 * @returns undefined where it does not fit
 */
export async function qrLines(text: string, columns: number, colour: boolean): Promise<string[] | undefined> {
  const { renderUnicodeCompact } = await import('uqr')
  const lines = renderUnicodeCompact(text, { border: BORDER, ecc: 'L' }).split('\n')
  if (lines.some((line) => line.length > columns)) return undefined
  return colour ? lines.map((line) => `${COLOUR}${line}${PLAIN}`) : lines
}
