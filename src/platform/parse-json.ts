/** JSON text from outside: parsed without an exception, so that the caller says what a bad text means. */

/**
 * The value of a JSON text; its shape is for a schema to check.
 * @param reviver as `JSON.parse` takes it.
 * @returns undefined for a text that is not JSON, which no JSON text stands for.
 */
export function parseJson(text: string, reviver?: (key: string, value: unknown) => unknown): unknown {
  try {
    return JSON.parse(text, reviver)
  } catch {
    // The parser's own message quotes the text, which may hold a secret.
    return undefined
  }
}
