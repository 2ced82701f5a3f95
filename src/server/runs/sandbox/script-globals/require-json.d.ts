/** The source text of require-json.js, imported as text. */
declare const source: string
export default source
