/** The source text of error-stacks.js, imported as text. */
declare const source: string
export default source
