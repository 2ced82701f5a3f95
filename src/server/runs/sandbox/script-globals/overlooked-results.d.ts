/** The source text of overlooked-results.js, imported as text. */
declare const source: string
export default source
