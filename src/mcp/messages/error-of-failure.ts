/** What a host is told when a request did not get the server's own response. */
import { Fault } from '../../contract/fault.ts'
import { cannotReach } from '../../platform/network/describe-fetch-failure.ts'
import { HttpRefusal } from '../transport/remote-interface.ts'
import type { Id } from './host-message.ts'
import { errorForRequest, errorLine } from './server-message.ts'

/** Of JSON-RPC: errors that an implementation defines begin here. */
const SERVER_ERROR = -32_000
export const METHOD_NOT_FOUND = -32_601

/** A response to `id`: the error of the server's body where it has one, else what went wrong and what helps. */
export function errorOfFailure(error: unknown, id: Id, url: string): string {
  if (error instanceof HttpRefusal) {
    const own = errorForRequest(error.body, id)
    if (own !== undefined) return own
  }
  const { code, message, hint } = factOf(error, new URL(url).origin)
  const text = hint === undefined ? message : `${message}; ${hint}`
  return errorLine(id, {
    code: SERVER_ERROR,
    message: text,
    data: { code, ...(hint === undefined ? {} : { hint }) },
  })
}

/** The same as a line of the log. */
export function wordsOfFailure(error: unknown, url: string): string {
  const { message, hint } = factOf(error, new URL(url).origin)
  return hint === undefined ? message : `${message}; ${hint}`
}

function factOf(error: unknown, server: string): { code: string; message: string; hint: string | undefined } {
  if (error instanceof Fault) return error
  if (error instanceof HttpRefusal) {
    const hint = HINTS.get(error.status)
    return { code: 'server_error', message: `${server} responded with ${error.status}`, hint }
  }
  return {
    code: 'unreachable',
    ...cannotReach(server, error, 'is the server running, and its address right?'),
  }
}

const HINTS: ReadonlyMap<number, string> = new Map([
  [401, 'it wants a credential: give one with --header'],
  [403, 'the credential may not do this'],
  [404, 'is this the whole address of its MCP endpoint?'],
  [405, 'is this the whole address of its MCP endpoint?'],
  [429, 'too much at once: try again in a while'],
])
