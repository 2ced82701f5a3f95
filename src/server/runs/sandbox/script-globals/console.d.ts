/** The source text of console.js, imported as text. */
declare const source: string
export default source
