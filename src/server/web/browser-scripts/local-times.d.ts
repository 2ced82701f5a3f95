/** A script of pages with a menu, imported as text. */
declare const source: string
export default source
