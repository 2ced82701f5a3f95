import type { ScriptError } from '../child-protocol.ts'
import { type Token, tokensOf } from './script-tokens.ts'

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
  const transpilerFor = (target: 'browser' | 'bun') =>
    new Bun.Transpiler({ loader, target, macro: false } as unknown as Bun.TranspilerOptions)
  try {
    const transpiler = transpilerFor('browser')
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
    const needsHelpers = (code: string) =>
      code.includes('"bun:wrap"') && transpiler.scan(code).imports.length > 0
    let code = transpiler.transformSync(source)
    // For Bun itself it leaves `using` as it is, which the VM knows.
    if (needsHelpers(code)) code = transpilerFor('bun').transformSync(source)
    if (needsHelpers(code)) return { error: helperError(source) }
    if (isNoFunction(code)) return { error: noFunction(source) }
    // JavaScript runs as written, so positions in it are exact.
    return { code: loader === 'js' ? source : code }
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

/** As Bun prints it, in one line of its own: a constant that is a number, a text, true, false or null. */
const NO_FUNCTION =
  /^(?:export )?const pipeline = (?:-?\d[\w.]*|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|true|false|null);$/m

function isNoFunction(code: string): boolean {
  const at = code.search(NO_FUNCTION)
  // Another thing may be called so on its way out.
  if (at < 0 || /\bas pipeline\b/.test(code)) return false
  const end = code.indexOf('\n', at)
  const isHere = (token: Token) => token.at >= at && (end < 0 || token.at < end)
  // What looks like code can stand in a text of several lines.
  return tokensOf(code).some((token) => token.text === 'pipeline' && !token.isQuoted && isHere(token))
}

/** What is to be said of a script whose `pipeline` cannot be called, and where it is made. */
export function noFunction(source: string): ScriptError {
  const tokens = tokensOf(source).filter(({ isQuoted }) => !isQuoted)
  const made = tokens.find(
    ({ text }, index) => text === 'pipeline' && DECLARES.has(tokens[index - 1]?.text ?? ''),
  )
  const message = 'the export "pipeline" is not a function'
  return made ? { message, ...placeOf(source, made.at) } : { message }
}

const DECLARES = new Set(['const', 'let', 'var', 'as', 'class', 'function'])

/** Bun rewrites what the VM does not know, with an import of helpers of its own: decorators and `accessor`. */
function helperError(source: string): ScriptError {
  const tokens = tokensOf(source).filter(({ isQuoted }) => !isQuoted)
  const decorator = tokens.find(({ text }) => text === '@')
  const found = decorator ?? tokens.find(({ text }) => text === 'accessor')
  const what = decorator ? 'decorators' : 'accessor fields'
  if (!found) return { message: 'the script needs something of the language that a pipeline does not have' }
  const hint = decorator
    ? 'call the function that the decorator is: const wrapped = decorator(original)'
    : 'write a getter and a setter'
  return { message: `a pipeline cannot have ${what}`, hint, ...placeOf(source, found.at) }
}

function placeOf(source: string, at: number): Pick<ScriptError, 'line' | 'column' | 'text'> {
  const before = source.slice(0, at).split('\n')
  const text = source.split('\n')[before.length - 1] ?? ''
  return position(before.length, (before.at(-1)?.length ?? 0) + 1, text)
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
