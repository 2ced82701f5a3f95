/** The events of a run over as many connections as it takes. */
import * as v from 'valibot'
import { type NumberedEvent, type RunEvent, runEventSchema } from '../../contract/run-events.ts'
import { Fault } from '../../contract/fault.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Api } from '../api-client.ts'

/** Pauses before a lost stream is resumed; the last one repeats. */
const PAUSES_MS = [500, 1000, 2000, 4000, 8000, 15_000]
/** How long no stream may start until following is given up: in that time a server can be restarted. */
const PATIENCE_MS = 120_000
/** A stream that held for so long was cut by its age, and not refused: the next try need not wait longer. */
const STEADY_MS = 1000

export interface Follow {
  api: Api
  /** `/api/runs/<id>` */
  path: string
  /** Starts after the event of this number. */
  after?: number
  clock: Clock
  signal: AbortSignal
  /** Called when the stream was lost, and again only after another event has come. */
  onLost: () => void
}

/**
 * The events of a run, each once and in order, over as many connections as it takes; ends after `exit`. A
 * stream that breaks is resumed after the last event that came whole (`Last-Event-ID`, WHATWG HTML §9.2). A proxy
 * may cut every connection: as long as streams start, none of that counts.
 * @throws Fault `unreachable` when no stream starts for two minutes; the server's refusals; the signal's reason.
 */
export async function* followEvents(follow: Follow): AsyncGenerator<NumberedEvent> {
  const { api, clock, signal } = follow
  const path = `${follow.path}/events`
  let last = follow.after ?? 0
  const connection = connectionState(follow)
  for (;;) {
    let cause: unknown
    try {
      const onStart = connection.started
      for await (const message of api.events({ path, lastEventId: String(last), onStart, signal })) {
        const id = Number(message.id)
        // A proxy may drop `Last-Event-ID`: events that were seen are passed over.
        if (!(id > last)) continue
        last = id
        connection.broughtEvent()
        const event = parseEvent(message.type, message.data)
        if (event === undefined) continue
        yield Object.assign(event, { id })
        if (event.type === 'exit') return
      }
    } catch (error) {
      if (signal.aborted || !isLost(error)) throw error
      cause = error
    }
    await clock.sleep(connection.lost(cause), signal)
  }
}

interface ConnectionState {
  started: () => void
  broughtEvent: () => void
  /**
   * @returns how long to wait before the next try.
   * @throws Fault `unreachable` when no stream has started for too long.
   */
  lost(cause: unknown): number
}

/** What is remembered from one connection to the next: how long none has started, and how often to try. */
function connectionState({ clock, onLost }: Follow): ConnectionState {
  let lastProgress = clock.now()
  let startedAt: number | undefined
  let tries = 0
  let isTold = false
  return {
    started: () => {
      startedAt = clock.now()
    },
    broughtEvent: () => {
      tries = 0
      isTold = false
    },
    lost: (cause) => {
      const now = clock.now()
      if (startedAt !== undefined) {
        lastProgress = now
        if (now - startedAt >= STEADY_MS) tries = 0
      }
      startedAt = undefined
      const left = lastProgress + PATIENCE_MS - now
      if (left <= 0) throw givenUp(cause)
      if (!isTold) onLost()
      isTold = true
      const pause = PAUSES_MS[Math.min(tries, PAUSES_MS.length - 1)] ?? 0
      tries += 1
      return Math.min(pause, left)
    },
  }
}

/** With the reason of the last try: a proxy may be what is in the way. */
function givenUp(cause: unknown): Fault {
  const why = cause instanceof Fault ? `: ${cause.message}` : ''
  return new Fault('unreachable', `the connection to the server was lost for 2 minutes${why}`, { cause })
}

/** Undefined for a kind of event that this version does not know: fields and kinds are only ever added. */
function parseEvent(type: string, data: unknown): RunEvent | undefined {
  const parsed = v.safeParse(runEventSchema, { type, data })
  return parsed.success ? parsed.output : undefined
}

/** Whether another connection can help. Where the server has no room for the rest of the log (507), it cannot. */
function isLost(error: unknown): boolean {
  if (!(error instanceof Fault) || error.status === 507) return false
  return error.code === 'unreachable' || error.code === 'server_error'
}
