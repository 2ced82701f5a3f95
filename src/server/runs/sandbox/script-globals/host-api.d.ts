/** The source text of host-api.js, imported as text. */
declare const source: string
export default source
