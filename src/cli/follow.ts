import * as v from 'valibot'
import { type RunEvent, runEventSchema } from '../contract/events.ts'
import { Fault } from '../contract/fault.ts'
import type { Client } from './client.ts'
import type { Deps } from './deps.ts'
import { printable } from '../platform/text.ts'
import { toJson } from './output.ts'
import { terminalFilter } from './terminal-safe.ts'

/** A broken stream is taken up again this many times in a row without a new event. */
const MAX_RECONNECTS = 5
const RECONNECT_BASE_MS = 500

/**
 * Prints a run's log as it comes: output on stdout, what becomes of tasks on stderr. A broken connection
 * is taken up again after the last event seen, so no line is lost or doubled.
 * @param after begins behind the event of this number
 * @returns the run's exit code, 0 or 1
 * @throws Fault `unreachable` when the stream stays broken, `interrupted` on Ctrl-C; the run itself goes on
 */
export async function followRun(client: Client, deps: Deps, runId: string, after = 0): Promise<number> {
  const show = presenter(client, deps)
  let lastId = String(after)
  let failures = 0
  while (true) {
    try {
      const path = `/api/runs/${encodeURIComponent(runId)}/events`
      for await (const message of client.api.events({ path, lastEventId: lastId, signal: deps.signal })) {
        const event = parseEvent(message.type, message.data)
        lastId = message.id ?? lastId
        failures = 0
        if (event === undefined) continue
        show(event, lastId)
        if (event.type === 'exit') return event.data.code
      }
    } catch (error) {
      if (deps.signal.aborted) throw detached(runId)
      const lost = error instanceof Fault && (error.code === 'unreachable' || error.code === 'server_error')
      if (!lost) throw error
      if (failures >= MAX_RECONNECTS) throw lostTrack(error, runId)
    }
    if (failures >= MAX_RECONNECTS) throw lostTrack(undefined, runId)
    await deps.clock.sleep(RECONNECT_BASE_MS * 2 ** failures, deps.signal).catch(() => {
      throw detached(runId)
    })
    failures += 1
  }
}

/** Undefined for a kind of event that this version does not know: fields and kinds are only ever added. */
function parseEvent(type: string, data: unknown): RunEvent | undefined {
  const parsed = v.safeParse(runEventSchema, { type, data })
  return parsed.success ? parsed.output : undefined
}

const TASK_SIGN = { running: '▶', success: '✓', failure: '✗', abort: '■', error: '✗' } as const

function presenter(client: Client, { io }: Deps): (event: RunEvent, id: string) => void {
  if (client.format === 'json')
    return (event, id) => io.stdout.write(`${toJson({ id: Number(id), ...event })}\n`)
  const pass = { push: (text: string) => text }
  const filters = {
    stdout: io.stdout.isTerminal ? terminalFilter() : pass,
    stderr: io.stderr.isTerminal ? terminalFilter() : pass,
  }
  return (event) => {
    switch (event.type) {
      case 'log': {
        const { stream, data } = event.data
        io[stream].write(filters[stream].push(data))
        return
      }
      case 'task': {
        const { name, status, code } = event.data
        const detail = code === undefined || code === 0 ? '' : ` (exit code ${code})`
        return client.say(`${TASK_SIGN[status]} ${printable(name)}${detail}`)
      }
      case 'run':
        return
      case 'exit': {
        const { message, code } = event.data
        if (message !== undefined) io.stderr.write(`${printable(message)}\n`)
        return client.say(code === 0 ? '✓ the run succeeded' : '✗ the run failed')
      }
    }
  }
}

function detached(runId: string): Fault {
  return new Fault('interrupted', 'interrupted; the run goes on', {
    hint: `follow it again with "fob runs logs ${runId} -f", or end it with "fob runs stop ${runId}"`,
  })
}

function lostTrack(cause: unknown, runId: string): Fault {
  return new Fault('unreachable', 'the connection to the server was lost; the run may go on', {
    hint: `follow it again with "fob runs logs ${runId} -f"`,
    cause,
  })
}
