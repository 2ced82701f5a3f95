/** The source text of inspect.js, imported as text. */
declare const source: string
export default source
