import { createHash } from 'node:crypto'
import { Fault } from '../../../contract/fault.ts'
import type { Clock } from '../../../platform/clock.ts'
import type { Redactor } from '../../../redact/redactor.ts'
import type { HostCalls } from '../host-calls.ts'
import type { NewAnswer } from '../journal/journal.ts'
import type { RecordedAnswer } from '../journal/history.ts'
import { createPool, isReusable } from './reusable-responses.ts'
import type { Reply, ScriptCall } from '../sandbox/sandbox.ts'

/** Each is a row: a script in a loop must not fill the disk with them. */
const MAX_CALLS = 100_000
const MAX_ANSWER_BYTES = 512 * 1024 * 1024

export interface AnswersOptions {
  calls: HostCalls
  clock: Clock
  redactor: Redactor
  /** What the script was given in this attempt before; it is given the same again. */
  recorded: readonly RecordedAnswer[]
  /** What earlier attempts were given. */
  earlier: readonly RecordedAnswer[]
  /** Makes the hashes of this run differ from those of all others. */
  salt: string
  /** The text of one that was recorded. */
  read(answer: RecordedAnswer): string
  /** Stores one, at once. */
  record(answer: NewAnswer): RecordedAnswer
  /** Fires when the run ends, or is left to the next server: from then on nothing is recorded or answered. */
  signal: AbortSignal
  /** Fires when the run ends: ends what goes on. */
  stop: AbortSignal
  /** Ends the run. */
  fail(error: unknown): void
}

/**
 * What a run's script asks for, on its way to who does it and back. Every answer is recorded, and only then handed
 * over, in the order in which it was recorded: so a script that is begun again goes the same way with the same
 * answers, and what it asks for beyond them is done then.
 */
export interface Answers {
  /** The script begins again: it is given all answers from the first one. */
  restart(): void
  call(call: ScriptCall, answer: (reply: Reply) => void): void
  drop(number: number): void
  /** The script can do nothing without another answer. */
  idle(): void
  /** The script has come to its end: nobody is there any more to be woken. */
  dropTimers(): void
  /** Resolves when nothing that was asked for is going on any more. */
  settled(): Promise<void>
}

/** `json` while it is not handed over; then it is read again if need be. */
type Given = RecordedAnswer & { json?: string }

interface Waiting {
  asked: ScriptCall
  hash: string
  answer: (reply: Reply) => void
}

export function createAnswers(options: AnswersOptions): Answers {
  const { calls, clock, redactor, signal, salt } = options
  const given: Given[] = [...options.recorded]
  const byCall = new Map(given.map((entry) => [entry.call, entry]))
  const pool = createPool(options.earlier, options.recorded)
  const going = new Map<number, { done: Promise<void>; drop: AbortController }>()
  const waiting = new Map<number, Waiting>()
  /** Calls that nothing is done for yet. */
  let fresh: number[] = []
  /** Of `given`: what is handed over next, and how far the script only goes a way that was gone before. */
  let next = 0
  let replayed = given.length
  let bytes = 0

  function call(asked: ScriptCall, answer: (reply: Reply) => void): void {
    const { number, method, json } = asked
    if (number > MAX_CALLS) return options.fail(tooMuch(`asks for more than ${MAX_CALLS} things`))
    const hash = createHash('sha256').update(`${salt}\0${method}\0${json}`).digest('base64url')
    const known = byCall.get(number)
    if (known && (known.method !== method || known.hash !== hash)) return diverge(known, method)
    waiting.set(number, { asked, hash, answer })
    if (!known && !going.has(number)) fresh.push(number)
    goOn()
    if (asked.sync && waiting.has(number)) idle()
  }

  /** Hands over what can be, and begins what is new once all that was before is behind. */
  function goOn(): void {
    for (let entry = given[next]; entry; entry = given[next]) {
      const asker = waiting.get(entry.call)
      if (!asker) break
      waiting.delete(entry.call)
      next += 1
      const json = entry.json ?? options.read(entry)
      delete entry.json
      asker.answer({ ok: entry.ok, json, now: entry.at })
    }
    if (next < replayed || signal.aborted) return
    const begin = fresh
    fresh = []
    for (const number of begin) {
      const asker = waiting.get(number)
      if (asker) answerOrBegin(asker)
    }
  }

  function answerOrBegin({ asked, hash }: Waiting): void {
    const earlier = pool.take(asked.number, asked.method, hash)
    if (!earlier) return begin(asked, hash)
    const { method, ok, at } = earlier
    const json = options.read(earlier)
    keep({ call: asked.number, method, hash, ok, reusable: true, json, at })
  }

  function begin(asked: ScriptCall, hash: string): void {
    const drop = new AbortController()
    going.set(asked.number, { done: finish(asked, hash, drop.signal), drop })
  }

  async function finish(asked: ScriptCall, hash: string, dropped: AbortSignal): Promise<void> {
    const { number: call, method } = asked
    const { value, ok } = await perform(asked, dropped)
    going.delete(call)
    if (signal.aborted || dropped.aborted) return
    const reusable = ok && isReusable(method, asked.json, value)
    keep({ call, method, hash, ok, reusable, json: JSON.stringify(value) ?? 'null', at: clock.now() })
  }

  function keep(answer: NewAnswer): void {
    bytes += answer.json.length
    if (bytes > MAX_ANSWER_BYTES) return options.fail(tooMuch('was given more than 512 MiB of answers'))
    try {
      const entry = { ...options.record(answer), json: answer.json }
      given.push(entry)
      byCall.set(answer.call, entry)
    } catch (error) {
      return options.fail(error)
    }
    goOn()
  }

  async function perform({ number, method, json }: ScriptCall, dropped: AbortSignal) {
    try {
      const work = Object.hasOwn(calls, method) ? calls[method] : undefined
      if (!work) throw new Fault('usage', `there is no ${method}`)
      const ended = AbortSignal.any([options.stop, dropped])
      return { ok: true, value: await work(JSON.parse(json), { number, signal: ended }) }
    } catch (error) {
      const message = error instanceof Fault ? redactor.text(error.message) : 'the server could not do that'
      return { ok: false, value: { message } }
    }
  }

  function diverge(known: { call: number; method: string }, method?: string): void {
    const found = method === undefined ? 'does not make it' : `asks for something else (${method})`
    const message = `the replay went another way at call ${known.call}: recorded is ${known.method}, the script ${found}`
    options.fail(new Fault('failed', message))
  }

  function idle(): void {
    const missing = given[next]
    if (missing && next < replayed && !signal.aborted) diverge(missing)
  }

  async function settled(): Promise<void> {
    while (going.size > 0) await Promise.all([...going.values()].map(({ done }) => done))
  }

  function drop(number: number): void {
    // One that is recorded is handed over all the same, as it was before.
    if (byCall.has(number)) return
    waiting.delete(number)
    going.get(number)?.drop.abort(new Fault('interrupted', 'the script does not wait for it any more'))
  }

  return {
    restart: () => {
      waiting.clear()
      fresh = []
      next = 0
      replayed = given.length
    },
    call,
    drop,
    dropTimers: () => {
      for (const [number, { asked }] of waiting) if (asked.method === 'timer') drop(number)
    },
    idle,
    settled,
  }
}

function tooMuch(what: string): Fault {
  return new Fault('failed', `the script ${what}`)
}
