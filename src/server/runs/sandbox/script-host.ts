/** What a script can ask of the server, and how it ends. */
import type { ScriptError } from './child-protocol.ts'

/**
 * How the script ended. An aborted script counts as failed. `overlooked`: it ended without looking at tasks that failed.
 * `killed`: its process was killed, and not by the server.
 */
export type Outcome =
  | { kind: 'done' }
  | { kind: 'failed'; error: ScriptError }
  | { kind: 'overlooked'; message: string }
  | { kind: 'killed' }

/** What the script can ask of the server. */
export interface ScriptHost {
  /** Nothing more is read from the script until this resolves. */
  log(stream: 'stdout' | 'stderr', data: string): Promise<void>
  /** Responses are delivered in the order in which `respond` is called, once for each call. */
  call(call: ScriptCall, respond: (response: CallResponse) => void): void
  /** The script no longer waits for this call. */
  drop(number: number): void
  /** It has handled all responses so far and can do nothing without another one. */
  idle(): void
}

export interface ScriptCall {
  /** 1, 2, 3 … */
  number: number
  method: string
  /** The parameters. */
  json: string
  /** The script is blocked until the response comes. */
  sync: boolean
}

export interface CallResponse {
  ok: boolean
  /** The value, or `{message}` where the call failed. */
  json: string
  /** Milliseconds since 1970: what the script's clock says when it gets the response. */
  now: number
}
