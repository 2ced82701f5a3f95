import { Fault } from '../../contract/fault.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Redactor } from '../../redact/redactor.ts'
import type { HostCalls } from './calls.ts'
import type { Reply, ScriptCall } from './sandbox/sandbox.ts'

export interface AnswersOptions {
  calls: HostCalls
  clock: Clock
  redactor: Redactor
  /** Fires when the run ends: from then on nothing is answered. */
  signal: AbortSignal
}

/** What a run's script asks for, on its way to who does it and back. */
export interface Answers {
  call(call: ScriptCall, answer: (reply: Reply) => void): void
  drop(number: number): void
  /** Resolves when nothing that was asked for is going on any more. */
  settled(): Promise<void>
}

export function createAnswers({ calls, clock, redactor, signal }: AnswersOptions): Answers {
  const going = new Map<number, { done: Promise<void>; drop: AbortController }>()

  async function perform({ number, method, json }: ScriptCall, dropped: AbortSignal): Promise<Reply> {
    try {
      const work = Object.hasOwn(calls, method) ? calls[method] : undefined
      if (!work) throw new Fault('usage', `there is no ${method}`)
      const value = await work(JSON.parse(json), { number, signal: AbortSignal.any([signal, dropped]) })
      return { ok: true, json: JSON.stringify(value) ?? 'null', now: clock.now() }
    } catch (error) {
      const message = error instanceof Fault ? redactor.text(error.message) : 'the server could not do that'
      return { ok: false, json: JSON.stringify({ message }), now: clock.now() }
    }
  }

  function call(asked: ScriptCall, answer: (reply: Reply) => void): void {
    const drop = new AbortController()
    const done = perform(asked, drop.signal).then((reply) => {
      going.delete(asked.number)
      if (!signal.aborted && !drop.signal.aborted) answer(reply)
    })
    going.set(asked.number, { done, drop })
  }

  async function settled(): Promise<void> {
    while (going.size > 0) await Promise.all([...going.values()].map(({ done }) => done))
  }

  return {
    call,
    drop: (number) => going.get(number)?.drop.abort(new Fault('interrupted', 'dropped')),
    settled,
  }
}
