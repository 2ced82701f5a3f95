/** Reads a secret from standard input, or from a prompt that does not show it. */
import { Fault } from '../../contract/fault.ts'
import type { Env } from '../../platform/processes/own-and-child-environment.ts'
import { Secret } from '../../redact/secret.ts'
import type { Deps } from '../deps.ts'
import type { Globals } from '../parsing/global-flags.ts'

/** Whether a prompt can be shown: at a terminal, unless `--no-input` or a CI system says otherwise. */
export function isInteractive({ io, env }: Deps, globals: Globals): boolean {
  return io.stdin.isTerminal && io.stderr.isTerminal && globals.input && !isCi(env)
}

/** CI systems set `CI`, and their terminals have no person in front of them. */
export function isCi({ CI }: Env): boolean {
  return CI !== undefined && CI !== '' && CI !== 'false'
}

export interface SecretQuestion {
  /** What the prompt asks for: `password for ada@example.com`. */
  what: string
  /** What would have answered it without a prompt: `--password-stdin`. */
  instead: string
  limitBytes: number
  /** True where the value need not be text; its line ends are then kept, but for one behind a single line. */
  anyBytes?: boolean
}

/**
 * A secret from a pipe (one line end at the end is cut) or from a prompt that shows nothing.
 * @throws Fault `prompt_needed` with no pipe and no terminal, `usage` when empty or too long
 */
export async function readSecret(deps: Deps, globals: Globals, question: SecretQuestion): Promise<Secret> {
  if (!deps.io.stdin.isTerminal) return readSecretFromStdin(deps, question)
  if (!isInteractive(deps, globals)) {
    throw new Fault('prompt_needed', `the ${question.what} is needed, and nobody can be asked`, {
      hint: `pipe it in: printf %s "$VALUE" | fob … ${question.instead}`,
    })
  }
  const { password } = await import('../../platform/terminal/prompts.ts')
  const answer = await password(question.what, { interactive: true, signal: deps.signal })
  if (answer.status !== 'answered') throw new Fault('interrupted', 'interrupted')
  return checked(new Secret(answer.value), question)
}

/**
 * A new secret: a prompt asks for it twice, because the input is not shown and a slip would lock the user out.
 * @throws Fault as `readSecret`, and `usage` when the two differ
 */
export async function readNewSecret(deps: Deps, globals: Globals, question: SecretQuestion): Promise<Secret> {
  const first = await readSecret(deps, globals, question)
  if (!deps.io.stdin.isTerminal) return first
  const second = await readSecret(deps, globals, { ...question, what: `${question.what} again` })
  if (first.bytes().equals(second.bytes())) return first
  throw new Fault('usage', 'the two inputs differ; nothing was changed')
}

/** The same as `readSecret`, from standard input and nothing else. */
export async function readSecretFromStdin(deps: Deps, question: SecretQuestion): Promise<Secret> {
  const bytes = await deps.io.stdin.readAll(question.limitBytes + 2)
  if (bytes === null)
    throw new Fault('usage', `the ${question.what} is longer than ${question.limitBytes} bytes`)
  if (question.anyBytes !== true && isUtf16(bytes)) {
    throw new Fault('usage', `the ${question.what} is UTF-16 text, not UTF-8`, {
      hint: 'in PowerShell, set $OutputEncoding = [Text.UTF8Encoding]::new() first',
    })
  }
  const value = new Secret(bytes)
  if (!value.isText) {
    if (question.anyBytes === true) return checked(value, question)
    throw new Fault('usage', `the ${question.what} is not UTF-8 text`)
  }
  const text = value.reveal()
  const cut = text.replace(/\r?\n$/, '')
  // A key file without its last line end is refused by the programs that read it.
  const keep = question.anyBytes === true && cut.includes('\n')
  return checked(keep ? value : new Secret(cut), question)
}

/** With a byte order mark, or Latin letters of two bytes each. */
function isUtf16(bytes: Uint8Array): boolean {
  const [first, second] = bytes
  if ((first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff)) return true
  const zeros = (from: number) => bytes.every((byte, index) => (byte === 0) === (index % 2 === from))
  return bytes.length >= 2 && bytes.length % 2 === 0 && (zeros(0) || zeros(1))
}

function checked(value: Secret, { what, limitBytes }: SecretQuestion): Secret {
  const { length } = value.bytes()
  if (length === 0) throw new Fault('usage', `the ${what} is empty`)
  if (length > limitBytes) throw new Fault('usage', `the ${what} is longer than ${limitBytes} bytes`)
  return value
}
