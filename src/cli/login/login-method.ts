import { Fault } from '../../contract/fault.ts'
import type { ServerChoice } from '../../session/resolve-server-and-credential.ts'
import type { Globals } from '../parsing/global-flags.ts'

/** How a credential is to be obtained: exactly one of these. */
export type Way = FlowWay | HandedInWay

/** The server issues it, and a person approves. */
export type FlowWay = { kind: 'browser' } | { kind: 'paste'; outOfBand: boolean } | { kind: 'device' }

/** Somebody has it already. */
export type HandedInWay =
  /** `--with-token` and `--jwt-token`, whose value stood on the command line. */
  | { kind: 'token'; flag: '--with-token' | '--jwt-token'; value: string }
  | { kind: 'token-stdin' }
  /** The user and password of the server's address; the password is empty where that held a user alone. */
  | { kind: 'basic'; credentials: NonNullable<ServerChoice['basic']> }

export function isFlow(way: Way): way is FlowWay {
  return way.kind === 'browser' || way.kind === 'paste' || way.kind === 'device'
}

interface WayFlags {
  'no-browser': boolean
  oob: boolean
  device: boolean
  'with-token': string | undefined
  'token-stdin': boolean
  'client-id': string | undefined
  scope: readonly string[]
}

/**
 * The way that the flags ask for; without one, the browser.
 * @throws Fault `usage` when they ask for two, or name what the chosen one has no use for.
 */
export function chooseWay(flags: WayFlags, globals: Pick<Globals, 'jwtToken' | 'authToken'>): Way {
  if (globals.authToken !== undefined) {
    throw new Fault('usage', '--auth-token is for one call alone and is never stored', {
      hint: 'to store a token, pipe it into fob auth login --token-stdin',
    })
  }
  const ways: { flag: string; way: Way }[] = []
  const outOfBand = flags.oob
  if (flags['no-browser']) ways.push({ flag: '--no-browser', way: { kind: 'paste', outOfBand } })
  else if (outOfBand) ways.push({ flag: '--oob', way: { kind: 'paste', outOfBand } })
  if (flags.device) ways.push({ flag: '--device', way: { kind: 'device' } })
  if (flags['token-stdin']) ways.push({ flag: '--token-stdin', way: { kind: 'token-stdin' } })
  for (const [flag, value] of [
    ['--with-token', flags['with-token']],
    ['--jwt-token', globals.jwtToken],
  ] as const) {
    if (value !== undefined) ways.push({ flag, way: { kind: 'token', flag, value } })
  }
  const [first, second] = ways
  if (first !== undefined && second !== undefined) throw exclusive(first.flag, second.flag)
  if (first === undefined) return { kind: 'browser' }
  if (!isFlow(first.way)) {
    if (flags['client-id'] !== undefined) throw exclusive(first.flag, '--client-id')
    if (flags.scope.length > 0) throw exclusive(first.flag, '--scope')
  }
  return first.way
}

/**
 * A user in the server's address means Basic, where no flag says otherwise (S8).
 * @throws Fault `usage` when a flag asks for something else.
 */
export function wayTo({ basic }: ServerChoice, way: Way): Way {
  if (basic === undefined) return way
  if (way.kind === 'browser') return { kind: 'basic', credentials: basic }
  throw new Fault('usage', "the server's address names a user, and a flag asks for another way to log in", {
    hint: 'leave one of them out',
  })
}

function exclusive(one: string, other: string): Fault {
  return new Fault('usage', `${one} and ${other} cannot be used together`, { hint: 'leave one of them out' })
}
