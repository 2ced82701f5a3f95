/** The source text of deep-equal.js, imported as text. */
declare const source: string
export default source
