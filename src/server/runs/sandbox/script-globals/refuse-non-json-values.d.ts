/** The source text of refuse-non-json-values.js, imported as text. */
declare const source: string
export default source
