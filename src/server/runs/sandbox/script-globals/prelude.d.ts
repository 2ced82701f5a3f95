/** The source text of prelude.js, imported as text. */
declare const source: string
export default source
