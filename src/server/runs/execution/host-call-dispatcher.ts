/** Dispatches the host calls of a script, and records the responses so that a replay gets the same ones. */
import { createHash } from 'node:crypto'
import { Fault } from '../../../contract/fault.ts'
import type { Clock } from '../../../platform/clock.ts'
import type { Redactor } from '../../../redact/redactor.ts'
import type { HostCalls } from '../host-call-type.ts'
import type { NewResponse, RecordedResponse } from '../journal/run-journal-type.ts'
import type { CallResponse, ScriptCall } from '../sandbox/script-host.ts'
import { createReusablePool, isReusable } from './reusable-host-call-responses.ts'

/** Each call is a row: a script in a loop must not fill the disk with them. */
const MAX_CALLS = 100_000
const MAX_RESPONSE_BYTES = 512 * 1024 * 1024

interface DispatcherOptions {
  calls: HostCalls
  clock: Clock
  redactor: Redactor
  /** What the script was given in this attempt before: it is given the same again. */
  recorded: readonly RecordedResponse[]
  /** What earlier attempts were given. */
  earlier: readonly RecordedResponse[]
  /** Makes the hashes of this run differ from those of all others. */
  salt: string
  /** The text of a recorded response. */
  read(response: RecordedResponse): string
  /** Stores a response before it returns. */
  record(response: NewResponse): RecordedResponse
  /** Fires when the run ends, or is left to the next server: from then on nothing is recorded or delivered. */
  signal: AbortSignal
  /** Fires when the run ends: calls in progress are stopped. */
  stop: AbortSignal
  /** Ends the run. */
  fail(error: unknown): void
}

/**
 * Every response is recorded, and only then delivered, in the order in which it was recorded: a script that starts
 * again takes the same way with the same responses, and what it calls beyond them is done then.
 */
export interface CallDispatcher {
  /** The script starts again: it is given all responses from the first one. */
  restart(): void
  call(call: ScriptCall, respond: (response: CallResponse) => void): void
  /** The script waits for this call no longer. */
  drop(number: number): void
  /** The script can do nothing without another response. */
  idle(): void
  /** The script has ended: no timer can wake it any more. */
  dropTimers(): void
  /** Resolves when no call is in progress. */
  settled(): Promise<void>
}

/** `json` until it is delivered; after that it is read from the record where it is needed again. */
type Response = RecordedResponse & { json?: string }

interface WaitingCall {
  asked: ScriptCall
  hash: string
  respond: (response: CallResponse) => void
}

export function createDispatcher(options: DispatcherOptions): CallDispatcher {
  const { clock, signal, salt } = options
  const responses: Response[] = [...options.recorded]
  const byCall = new Map(responses.map((response) => [response.call, response]))
  const pool = createReusablePool(options.earlier, options.recorded)
  const inProgress = new Map<number, { done: Promise<void>; drop: AbortController }>()
  const waiting = new Map<number, WaitingCall>()
  /** The numbers of calls that are not started yet. */
  let unstarted: number[] = []
  /** The index in `responses` of the next one to deliver. */
  let next = 0
  /** Up to this index the script only repeats what it did before. */
  let replayedUpTo = responses.length
  let bytes = 0

  function call(asked: ScriptCall, respond: WaitingCall['respond']): void {
    const { number, method, json } = asked
    if (number > MAX_CALLS) return options.fail(tooMuch(`asks for more than ${MAX_CALLS} things`))
    const hash = createHash('sha256').update(`${salt}\0${method}\0${json}`).digest('base64url')
    const known = byCall.get(number)
    if (known && (known.method !== method || known.hash !== hash)) return diverge(known, method)
    waiting.set(number, { asked, hash, respond })
    if (!known && !inProgress.has(number)) unstarted.push(number)
    deliver()
    if (asked.sync && waiting.has(number)) idle()
  }

  /** Delivers what can be delivered, and starts new calls once the replay is over. */
  function deliver(): void {
    for (let response = responses[next]; response; response = responses[next]) {
      const caller = waiting.get(response.call)
      if (!caller) break
      waiting.delete(response.call)
      next += 1
      const json = response.json ?? options.read(response)
      delete response.json
      caller.respond({ ok: response.ok, json, now: response.at })
    }
    if (next < replayedUpTo || signal.aborted) return
    const numbers = unstarted
    unstarted = []
    for (const number of numbers) {
      const caller = waiting.get(number)
      if (caller) reuseOrStart(caller)
    }
  }

  function reuseOrStart({ asked, hash }: WaitingCall): void {
    const earlier = pool.take(asked.number, asked.method, hash)
    if (!earlier) return start(asked, hash)
    const { method, ok, at } = earlier
    record({ call: asked.number, method, hash, ok, reusable: true, json: options.read(earlier), at })
  }

  function start(asked: ScriptCall, hash: string): void {
    const drop = new AbortController()
    inProgress.set(asked.number, { done: finish(asked, hash, drop.signal), drop })
  }

  async function finish(asked: ScriptCall, hash: string, dropped: AbortSignal): Promise<void> {
    const { number, method } = asked
    const { value, ok } = await perform(options, asked, dropped)
    inProgress.delete(number)
    if (signal.aborted || dropped.aborted) return
    const reusable = ok && isReusable(method, asked.json, value)
    const json = JSON.stringify(value) ?? 'null'
    record({ call: number, method, hash, ok, reusable, json, at: clock.now() })
  }

  function record(response: NewResponse): void {
    bytes += response.json.length
    if (bytes > MAX_RESPONSE_BYTES) return options.fail(tooMuch('was given more than 512 MiB of responses'))
    try {
      const recorded = { ...options.record(response), json: response.json }
      responses.push(recorded)
      byCall.set(response.call, recorded)
    } catch (error) {
      return options.fail(error)
    }
    deliver()
  }

  function diverge(known: { call: number; method: string }, method?: string): void {
    const found = method === undefined ? 'does not make it' : `asks for something else (${method})`
    const message = `the replay went another way at call ${known.call}: recorded is ${known.method}, the script ${found}`
    options.fail(new Fault('failed', message))
  }

  function idle(): void {
    const missing = responses[next]
    if (missing && next < replayedUpTo && !signal.aborted) diverge(missing)
  }

  async function settled(): Promise<void> {
    while (inProgress.size > 0) await Promise.all([...inProgress.values()].map(({ done }) => done))
  }

  function drop(number: number): void {
    // A recorded response is delivered all the same, as it was before.
    if (byCall.has(number)) return
    waiting.delete(number)
    inProgress.get(number)?.drop.abort(new Fault('interrupted', 'the script does not wait for it any more'))
  }

  function restart(): void {
    waiting.clear()
    unstarted = []
    next = 0
    replayedUpTo = responses.length
  }

  function dropTimers(): void {
    for (const [number, { asked }] of waiting) if (asked.method === 'timer') drop(number)
  }

  return { restart, call, drop, dropTimers, idle, settled }
}

/** Makes one call. @returns its value, or `{message}` where it failed; never rejects */
async function perform(
  { calls, redactor, stop }: DispatcherOptions,
  { number, method, json }: ScriptCall,
  dropped: AbortSignal,
): Promise<{ ok: boolean; value: unknown }> {
  try {
    const work = Object.hasOwn(calls, method) ? calls[method] : undefined
    if (!work) throw new Fault('usage', `there is no ${method}`)
    const signal = AbortSignal.any([stop, dropped])
    return { ok: true, value: await work(JSON.parse(json), { number, signal }) }
  } catch (error) {
    const message = error instanceof Fault ? redactor.text(error.message) : 'the server could not do that'
    return { ok: false, value: { message } }
  }
}

function tooMuch(what: string): Fault {
  return new Fault('failed', `the script ${what}`)
}
