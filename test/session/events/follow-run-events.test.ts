/** Events of a run followed over broken connections, proxies and restarted servers. */
import { describe, expect, test } from 'bun:test'
import type { NumberedEvent } from '../../../src/contract/run-events.ts'
import type { Fault } from '../../../src/contract/fault.ts'
import { Secret } from '../../../src/redact/secret.ts'
import { openApi } from '../../../src/session/api-client.ts'
import { followEvents } from '../../../src/session/events/follow-run-events.ts'
import { faultOf } from '../../support/fault-of.ts'

/** Letters of one to four bytes, so that a cut can fall into the middle of one. */
const EVENTS: NumberedEvent[] = [
  { id: 1, type: 'run', data: { status: 'running' } },
  { id: 2, type: 'task', data: { name: 'a', status: 'running' } },
  { id: 3, type: 'log', data: { task: 'a', stream: 'stdout', data: 'line ä € 𝄞\n' } },
  { id: 4, type: 'log', data: { task: 'a', stream: 'stdout', data: 'line ä € 𝄞\n' } },
  { id: 5, type: 'log', data: { stream: 'stderr', data: 'id: 9\n\nevent: exit\n' } },
  { id: 6, type: 'task', data: { name: 'a', status: 'success', code: 0 } },
  { id: 7, type: 'exit', data: { code: 0, run_id: 'run_1' } },
]

const wire = (after: number) =>
  Buffer.from(
    `: the events of one run\n\n${EVENTS.filter(({ id }) => id > after)
      .map(({ id, type, data }) => `id: ${id}\nevent: ${type}\ndata: ${JSON.stringify(data)}\n\n`)
      .join(': \n\n')}`,
  )

interface World {
  /** What one connection brings. */
  answer(connection: number, after: number): Response | Promise<Response>
}

/** Time passes by pauses alone, and by what a test adds. */
function fakeClock() {
  const { signal } = new AbortController()
  const pauses: number[] = []
  let now = 0
  return {
    signal,
    pauses,
    now: () => now,
    pass: (ms: number) => void (now += ms),
    sleep: async (ms: number, until?: AbortSignal) => {
      // A deadline that is never reached, as against a pause before the next try.
      if (until !== signal) return new Promise<void>(() => {})
      pauses.push(ms)
      now += ms
    },
  }
}

/** Follows to the end, with pauses that take no time. */
async function follow({ answer }: World, clock = fakeClock()) {
  const seen: NumberedEvent[] = []
  const asked: string[] = []
  let lost = 0
  const { signal, pauses } = clock
  const api = openApi({
    server: 'http://127.0.0.1:1',
    tenant: undefined,
    authorization: async () => new Secret('Bearer x'),
    version: '1',
    clock,
    fetch: async (_url, init) => {
      const after = new Headers(init?.headers).get('last-event-id') ?? ''
      asked.push(after)
      return answer(asked.length, Number(after))
    },
    signal,
    debug: () => {},
    insecureHttp: false,
    sign: false,
  })
  const onLost = () => void (lost += 1)
  for await (const event of followEvents({ api, path: '/api/runs/run_1', clock, signal, onLost })) {
    seen.push(event)
  }
  return { seen, asked, pauses, lost }
}

/** An answer that brings these bytes, in pieces of `size`, and then ends as a connection does. */
function stream(bytes: Uint8Array, end: 'closes' | 'breaks', size = bytes.length): Response {
  let at = 0
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (at < bytes.length) {
        controller.enqueue(bytes.slice(at, at + size))
        at += size
      } else if (end === 'closes') controller.close()
      else controller.error(new Error('ECONNRESET'))
    },
  })
  return new Response(body, { headers: { 'content-type': 'text/event-stream' } })
}

const refused = () => Promise.reject(Object.assign(new Error('x'), { code: 'ECONNREFUSED' }))

/** A stream without an event that is cut after so long. */
function heldFor(ms: number, clock: { pass: (ms: number) => void }): Response {
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        clock.pass(ms)
        controller.error(new Error('ECONNRESET'))
      },
    },
    { highWaterMark: 0 },
  )
  return new Response(body, { headers: { 'content-type': 'text/event-stream' } })
}

describe('a run is followed over connections that break', () => {
  test.each(['closes', 'breaks'] as const)(
    'after any number of bytes (it %s): every event once, in order',
    async (end) => {
      for (let cut = 0; cut <= wire(0).length; cut++) {
        const { seen, asked } = await follow({
          answer: (connection, after) =>
            connection === 1 ? stream(wire(0).subarray(0, cut), end, 7) : stream(wire(after), 'closes'),
        })
        expect({ cut, seen }).toEqual({ cut, seen: EVENTS })
        expect(asked[0]).toBe('0')
      }
    },
  )

  test('again and again, as soon as one more event has come through', async () => {
    const { seen, asked, pauses, lost } = await follow({
      // Enough for one whole event, and the beginning of the next.
      answer: (_connection, after) => {
        const bytes = wire(after)
        const second = bytes.indexOf('\n\nid:', bytes.indexOf('id:') + 3)
        return stream(second < 0 ? bytes : bytes.subarray(0, second + 10), 'breaks')
      },
    })
    expect(seen).toEqual(EVENTS)
    expect(asked[0]).toBe('0')
    expect(asked.map(Number)).toEqual(asked.map(Number).toSorted((a, b) => a - b))
    // Each of them was a new beginning.
    expect(new Set(pauses)).toEqual(new Set([500]))
    expect(lost).toBe(pauses.length)
  })

  test('through something that begins anew each time', async () => {
    const { seen } = await follow({
      answer: (connection) =>
        stream(connection < 5 ? wire(0).subarray(0, connection * 60) : wire(0), 'breaks'),
    })
    expect(seen).toEqual(EVENTS)
  })

  test('while the server is being started anew', async () => {
    const { seen, pauses, lost } = await follow({
      answer: (connection, after) => {
        if (connection === 1) return stream(wire(0).subarray(0, 200), 'breaks')
        if (connection === 2)
          return Promise.reject(Object.assign(new Error('x'), { code: 'ConnectionRefused' }))
        if (connection === 3) return new Response('starting', { status: 503 })
        return stream(wire(after), 'closes')
      },
    })
    expect(seen).toEqual(EVENTS)
    expect(pauses).toEqual([500, 1000, 2000])
    expect(lost).toBe(1)
  })

  test('through a proxy that cuts every connection after 2 s, for an hour in which the run says nothing', async () => {
    const clock = fakeClock()
    const hour = 3_600_000
    const { seen, pauses, lost } = await follow(
      {
        answer: (_connection, after) => {
          if (after === 0) return stream(wire(0).subarray(0, 100), 'breaks')
          return clock.now() < hour ? heldFor(2000, clock) : stream(wire(after), 'closes')
        },
      },
      clock,
    )
    expect(seen).toEqual(EVENTS)
    expect(pauses.length).toBeGreaterThan(hour / 20_000)
    // Said once for all that was cut in the quiet.
    expect(lost).toBeLessThan(3)
  })

  test('a stream that held for 2 s is resumed at once, however often it is cut', async () => {
    const clock = fakeClock()
    const { pauses } = await follow(
      {
        answer: (connection, after) => {
          if (connection > 100) return stream(wire(after), 'closes')
          return heldFor(2000, clock)
        },
      },
      clock,
    )
    expect(new Set(pauses)).toEqual(new Set([500]))
  })

  test('it is given up after two minutes in which no connection came about, and not before', async () => {
    const clock = fakeClock()
    const started = 300_000
    const fault = await faultOf(
      follow({ answer: () => (clock.now() < started ? heldFor(2000, clock) : refused()) }, clock),
    )
    expect([fault.code, fault.message]).toEqual([
      'unreachable',
      'the connection to the server was lost for 2 minutes: cannot reach http://127.0.0.1:1: the connection was refused',
    ])
    // The last stream was cut within 2.5 s of that time.
    expect(clock.now() - started).toBeGreaterThanOrEqual(117_500)
    expect(clock.now() - started).toBeLessThan(122_500)
  })

  test('responses that are no stream are not progress', async () => {
    const clock = fakeClock()
    const fault = await faultOf(follow({ answer: () => new Response('busy', { status: 503 }) }, clock))
    expect([fault.code, clock.now()]).toEqual(['unreachable', 120_000])
  })

  test.each([
    [401, 'unauthenticated'],
    [403, 'forbidden'],
    [404, 'not_found'],
    // The server has no room for the rest: trying again would go on for ever.
    [507, 'server_error'],
  ])('a refusal (%d) is no broken connection', async (status, code) => {
    const fault = await faultOf(follow({ answer: () => Response.json({ error: 'x' }, { status }) }))
    expect(fault.code).toBe(code as Fault['code'])
  })

  test('what a newer server says is passed over, and counts as seen', async () => {
    const strange = Buffer.from('id: 1\nevent: weather\ndata: {"sunny":true}\n\n')
    const { seen, asked } = await follow({
      answer: (connection, after) =>
        connection === 1 ? stream(strange, 'breaks') : stream(wire(after), 'closes'),
    })
    expect(asked).toEqual(['0', '1'])
    expect(seen).toEqual(EVENTS.slice(1))
  })
})
