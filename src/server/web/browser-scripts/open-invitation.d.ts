/** The script of the pages of an invitation, imported as text. */
declare const source: string
export default source
