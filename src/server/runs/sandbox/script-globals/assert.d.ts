/** The source text of assert.js, imported as text. */
declare const source: string
export default source
