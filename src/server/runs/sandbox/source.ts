import type { ScriptError } from './protocol.ts'

/** A script that the VM can take: `code` is JavaScript without an import, and it exports `pipeline`. */
export type Prepared = { code: string } | { error: ScriptError }

const NO_IMPORT_HINT =
  'what a pipeline may call is there without an import: "fob pipeline types" prints all of it'

/**
 * Strips the types and refuses what cannot run.
 * `macro: false` is what keeps this safe: with macros on, Bun's parser itself runs code that a script names in
 * `import … with { type: 'macro' }`, with all the power of this process.
 */
export function prepare(source: string, filename: string): Prepared {
  const loader = filename.endsWith('.js') ? 'js' : 'ts'
  const options = { loader, target: 'browser', macro: false } as unknown as Bun.TranspilerOptions
  try {
    const transpiler = new Bun.Transpiler(options)
    const { imports, exports } = transpiler.scan(source)
    const [first] = imports
    if (first) return { error: importError(source, first.path) }
    if (!exports.includes('pipeline')) {
      return {
        error: {
          message: 'no function named pipeline is exported',
          hint: 'end the file with: export { pipeline }',
        },
      }
    }
    // JavaScript runs as written, so positions in it are exact.
    return { code: loader === 'js' ? source : transpiler.transformSync(source) }
  } catch (error) {
    return { error: parseError(error) }
  }
}

function importError(source: string, path: string): ScriptError {
  const lines = source.split('\n')
  const quoted = [`'${path}'`, `"${path}"`]
  const line = lines.findIndex((text) => quoted.some((quote) => text.includes(quote)))
  const text = lines[line]
  const error: ScriptError = {
    message: `a pipeline cannot import "${path.slice(0, 200)}"`,
    hint: NO_IMPORT_HINT,
  }
  if (text === undefined) return error
  const column = Math.max(0, ...quoted.map((quote) => text.indexOf(quote))) + 1
  return { ...error, ...position(line + 1, column, text) }
}

/** Bun throws one `BuildMessage`, or an `AggregateError` of several: the first one counts. */
function parseError(error: unknown): ScriptError {
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error
  if (!(first instanceof BuildMessage)) {
    return { message: first instanceof Error ? first.message : 'the script cannot be parsed' }
  }
  const message =
    first.message === 'Macros are disabled' ? 'a pipeline cannot import anything' : first.message
  if (!first.position) return { message }
  const { line, column, lineText } = first.position
  return { message, ...position(Math.max(1, line), Math.max(1, column), lineText) }
}

/** A line of a megabyte is shown around the column only. */
export function position(
  line: number,
  column: number,
  text: string,
): Pick<ScriptError, 'line' | 'column' | 'text'> {
  return text.length <= 200 ? { line, column, text: text.trimEnd() } : { line, column }
}
