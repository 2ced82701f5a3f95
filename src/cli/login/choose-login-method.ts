/** How a login obtains its credential: which method the flags and the server's address ask for. */
import { Fault } from '../../contract/fault.ts'
import type { Workload } from '../../flows/workload/find-id-token.ts'
import type { ServerChoice } from '../../session/resolve-server-and-credential.ts'
import type { Globals } from '../parsing/global-flags.ts'

/** How a credential is obtained: exactly one of these. */
export type LoginMethod = FlowMethod | ProvidedMethod | WorkloadMethod

/** The server issues it for the ID token of the job; without `workload`, the one that is there. */
type WorkloadMethod = { kind: 'workload'; workload: Workload | undefined }

/** The server issues it, and a person approves. */
export type FlowMethod = { kind: 'browser' } | { kind: 'paste'; outOfBand: boolean } | { kind: 'device' }

/** The user has it already. */
export type ProvidedMethod =
  /** `--with-token` and `--jwt-token`, whose value stood on the command line. */
  | { kind: 'token'; flag: '--with-token' | '--jwt-token'; value: string }
  | { kind: 'token-stdin' }
  /** The user and password of the server's address; the password is empty where that held a user alone. */
  | { kind: 'basic'; credentials: NonNullable<ServerChoice['basic']> }

export function isFlowMethod(method: LoginMethod): method is FlowMethod {
  return method.kind === 'browser' || method.kind === 'paste' || method.kind === 'device'
}

/** What `--workload` takes. */
export const WORKLOADS = ['github', 'gitlab', 'auto'] as const

interface MethodFlags {
  browser: boolean
  oob: boolean
  device: boolean
  'with-token': string | undefined
  'token-stdin': boolean
  workload: (typeof WORKLOADS)[number] | undefined
  'workload-token-file': string | undefined
  'client-id': string | undefined
  scope: readonly string[]
  par: boolean
  dpop: boolean
}

/**
 * The method that the flags ask for; without one, the browser.
 * @throws Fault `usage` when they ask for two, or when a flag does not apply to the one chosen
 */
export function chooseMethod(
  flags: MethodFlags,
  globals: Pick<Globals, 'jwtToken' | 'authToken'>,
): LoginMethod {
  if (globals.authToken !== undefined) {
    throw new Fault('usage', '--auth-token applies to one call only and is never stored', {
      hint: 'to store a token, pipe it into fob auth login --token-stdin',
    })
  }
  const asked: { flag: string; method: LoginMethod }[] = []
  const outOfBand = flags.oob
  if (!flags.browser) asked.push({ flag: '--no-browser', method: { kind: 'paste', outOfBand } })
  else if (outOfBand) asked.push({ flag: '--oob', method: { kind: 'paste', outOfBand } })
  if (flags.device) asked.push({ flag: '--device', method: { kind: 'device' } })
  if (flags['token-stdin']) asked.push({ flag: '--token-stdin', method: { kind: 'token-stdin' } })
  for (const [flag, value] of [
    ['--with-token', flags['with-token']],
    ['--jwt-token', globals.jwtToken],
  ] as const) {
    if (value !== undefined) asked.push({ flag, method: { kind: 'token', flag, value } })
  }
  asked.push(...askedWorkloads(flags))
  const [first, second] = asked
  if (first !== undefined && second !== undefined) throw exclusive(first.flag, second.flag)
  if (first === undefined) return { kind: 'browser' }
  if (!isFlowMethod(first.method)) {
    if (flags['client-id'] !== undefined) throw exclusive(first.flag, '--client-id')
    // A job can ask for less than it may.
    const isIssued = first.method.kind === 'workload'
    if (flags.scope.length > 0 && !isIssued) throw exclusive(first.flag, '--scope')
    if (flags.dpop) throw exclusive(first.flag, '--dpop')
  }
  // A device asks for no authorization in a browser's address.
  if (flags.par && first.method.kind !== 'paste') throw exclusive(first.flag, '--par')
  return first.method
}

function askedWorkloads(flags: MethodFlags): { flag: string; method: LoginMethod }[] {
  const asked: { flag: string; method: LoginMethod }[] = []
  const { workload: kind, 'workload-token-file': path } = flags
  if (kind !== undefined) {
    const workload = kind === 'auto' ? undefined : { kind }
    asked.push({ flag: '--workload', method: { kind: 'workload', workload } })
  }
  if (path === '') throw new Fault('usage', '--workload-token-file is empty')
  if (path !== undefined) {
    asked.push({
      flag: '--workload-token-file',
      method: { kind: 'workload', workload: { kind: 'file', path } },
    })
  }
  return asked
}

/**
 * A user in the server's address means Basic authentication, where no flag says otherwise.
 * @throws Fault `usage` when a flag asks for something else.
 */
export function methodFor({ basic }: ServerChoice, method: LoginMethod): LoginMethod {
  if (basic === undefined) return method
  if (method.kind === 'browser') return { kind: 'basic', credentials: basic }
  throw new Fault('usage', "the server's address names a user, and a flag asks for another way to log in", {
    hint: 'leave one of them out',
  })
}

function exclusive(one: string, other: string): Fault {
  return new Fault('usage', `${one} and ${other} cannot be used together`, { hint: 'leave one of them out' })
}
