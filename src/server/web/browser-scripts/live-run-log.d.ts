/** The script of a run's page, imported as text. */
declare const source: string
export default source
