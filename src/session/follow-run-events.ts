/** The events of a run over as many connections as it takes. */
import * as v from 'valibot'
import { type NumberedEvent, type RunEvent, runEventSchema } from '../contract/run-events.ts'
import { Fault } from '../contract/fault.ts'
import type { Clock } from '../platform/clock.ts'
import type { Api } from './api-client.ts'

/** Pauses before a lost stream is resumed: some two minutes in all, in which a server can be restarted. */
const PAUSES_MS = [500, 1000, 2000, 4000, 8000, 15_000, 15_000, 15_000, 15_000, 15_000, 15_000, 15_000]

export interface Follow {
  api: Api
  /** `/api/runs/<id>` */
  path: string
  /** Starts after the event of this number. */
  after?: number
  clock: Clock
  signal: AbortSignal
  /** Called once for each time that the stream was lost. */
  onLost: () => void
}

/**
 * The events of a run, each once and in order, over as many connections as it takes; ends after `exit`. A
 * stream that breaks is resumed after the last event that came whole (`Last-Event-ID`, WHATWG HTML §9.2).
 * @throws Fault `unreachable` when it stays broken; the server's refusals; the signal's reason.
 */
export async function* followEvents(follow: Follow): AsyncGenerator<NumberedEvent> {
  const { api, clock, signal } = follow
  const path = `${follow.path}/events`
  let last = follow.after ?? 0
  let failures = 0
  for (;;) {
    let cause: unknown
    try {
      for await (const message of api.events({ path, lastEventId: String(last), signal })) {
        const id = Number(message.id)
        // A proxy may drop `Last-Event-ID`: events that were seen are passed over.
        if (!(id > last)) continue
        last = id
        failures = 0
        const event = parseEvent(message.type, message.data)
        if (event === undefined) continue
        yield Object.assign(event, { id })
        if (event.type === 'exit') return
      }
    } catch (error) {
      if (signal.aborted || !isLost(error)) throw error
      cause = error
    }
    const pause = PAUSES_MS[failures]
    if (pause === undefined)
      throw new Fault('unreachable', 'the connection to the server was lost', { cause })
    if (failures === 0) follow.onLost()
    failures += 1
    await clock.sleep(pause, signal)
  }
}

/** Undefined for a kind of event that this version does not know: fields and kinds are only ever added. */
function parseEvent(type: string, data: unknown): RunEvent | undefined {
  const parsed = v.safeParse(runEventSchema, { type, data })
  return parsed.success ? parsed.output : undefined
}

/** Whether another connection can help. */
function isLost(error: unknown): boolean {
  return error instanceof Fault && (error.code === 'unreachable' || error.code === 'server_error')
}
