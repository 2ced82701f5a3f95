/** Turns the source of a script into code that the VM takes, or says why it cannot run. */
import type { ScriptError } from '../child-protocol.ts'
import { type Token, tokensOf } from './script-word-positions.ts'

/** `code` is JavaScript without an import, and it exports `pipeline`. */
type Prepared = { kind: 'ready'; code: string } | { kind: 'refused'; error: ScriptError }

const NO_IMPORT_HINT =
  'what a pipeline may call is there without an import: "fob pipeline types" prints all of it'

/**
 * Strips the types and refuses what cannot run.
 *
 * `macro: false` is what keeps this safe: with macros on, Bun's parser executes code that the script names
 * (findings/bun-transpiler-scan-runs-macros.sh).
 */
export function prepare(source: string, filename: string): Prepared {
  const loader = filename.endsWith('.js') ? 'js' : 'ts'
  const transpilerFor = (target: 'browser' | 'bun') =>
    new Bun.Transpiler({ loader, target, macro: false } as unknown as Bun.TranspilerOptions)
  try {
    const transpiler = transpilerFor('browser')
    const { imports, exports } = transpiler.scan(source)
    const [first] = imports
    if (first) return refused(importError(source, first.path))
    if (!exports.includes('pipeline')) {
      return refused({
        message: 'no function named pipeline is exported',
        hint: 'end the file with: export { pipeline }',
      })
    }
    const needsHelpers = (code: string) =>
      code.includes('"bun:wrap"') && transpiler.scan(code).imports.length > 0
    let code = transpiler.transformSync(source)
    // With this target `using` stays as it is, which the VM knows.
    if (needsHelpers(code)) code = transpilerFor('bun').transformSync(source)
    if (needsHelpers(code)) return refused(helperError(source))
    if (isNoFunction(code)) return refused(noFunction(source))
    // JavaScript runs as it is written, so positions in it are exact.
    return { kind: 'ready', code: loader === 'js' ? source : code }
  } catch (error) {
    return refused(parseError(error))
  }
}

function refused(error: ScriptError): Prepared {
  return { kind: 'refused', error }
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

/** A constant that is a number, a string, true, false or null, as Bun prints it: in a line of its own. */
const NO_FUNCTION =
  /^(?:export )?const pipeline = (?:-?\d[\w.]*|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|true|false|null);$/m

function isNoFunction(code: string): boolean {
  const at = code.search(NO_FUNCTION)
  // Something else may be exported under this name.
  if (at < 0 || /\bas pipeline\b/.test(code)) return false
  const end = code.indexOf('\n', at)
  const isHere = (token: Token) => token.at >= at && (end < 0 || token.at < end)
  // A template of several lines can contain what looks like code.
  return tokensOf(code).some((token) => token.text === 'pipeline' && !token.isQuoted && isHere(token))
}

/** The error for a script whose `pipeline` cannot be called, with the place of its declaration. */
export function noFunction(source: string): ScriptError {
  const tokens = tokensOf(source).filter(({ isQuoted }) => !isQuoted)
  const declared = tokens.find(
    ({ text }, index) => text === 'pipeline' && DECLARES.has(tokens[index - 1]?.text ?? ''),
  )
  const message = 'the export "pipeline" is not a function'
  return declared ? { message, ...placeOf(source, declared.at) } : { message }
}

const DECLARES = new Set(['const', 'let', 'var', 'as', 'class', 'function'])

/** Bun rewrites what the VM does not know with an import of its own helpers: decorators and `accessor`. */
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

/** Bun throws one `BuildMessage`, or an `AggregateError` of several, of which the first counts. */
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

/** The text of a long line is left out. */
export function position(
  line: number,
  column: number,
  text: string,
): Pick<ScriptError, 'line' | 'column' | 'text'> {
  return text.length <= 200 ? { line, column, text: text.trimEnd() } : { line, column }
}
