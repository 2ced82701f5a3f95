/** Calls of a long job with its ID token: exchanged once for calls side by side, and again in time, in memory. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { offeredIdToken } from '../../../src/flows/workload/find-id-token.ts'
import { workloadAuthorization } from '../../../src/session/workload/workload-authorization.ts'
import { startExchangingServer } from '../../support/stand-ins/exchanging-server.ts'
import { faultOf } from '../../support/fault-of.ts'
import { startWorkloadIssuer, type WorkloadIssuer } from '../../support/stand-ins/workload-issuer.ts'

const HOUR_MS = 3_600_000
let issuer: WorkloadIssuer
let server: ReturnType<typeof startExchangingServer>
beforeAll(() => {
  issuer = startWorkloadIssuer()
  issuer.jobClaims = { exp: Math.floor(Date.now() / 1000) + 6 * 3600 }
  server = startExchangingServer()
})
afterAll(async () => {
  await server.stop()
  await issuer.stop()
})

/** A job at GitHub whose clock can be moved on. */
function job() {
  const env = issuer.githubEnvironment()
  const source = offeredIdToken(env)
  if (source === undefined) throw new Error('no ID token')
  let ahead = 0
  const clock = { now: () => Date.now() + ahead, sleep: async () => {} }
  const signal = new AbortController().signal
  server.exchanged.length = 0
  return {
    ...workloadAuthorization(source, server.url, { env, clock, fetch, signal }),
    advance: (ms: number) => (ahead += ms),
  }
}
const down = () => new Response('', { status: 503 })

test('a job of hours asks for a token once an hour, 30 seconds before the end of the one it has', async () => {
  const { authorization, advance } = job()
  const first = await Promise.all([authorization(), authorization()])
  expect(first.map((header) => header?.reveal())).toEqual(Array(2).fill(`Bearer ${server.issued.at(-1)}`))
  for (const hour of [1, 2, 3]) {
    advance(HOUR_MS - 31_000)
    await authorization()
    expect(server.exchanged).toHaveLength(hour)
    advance(2000)
    const next = await Promise.all([authorization(), authorization()])
    expect(next.map((header) => header?.reveal())).toEqual(Array(2).fill(`Bearer ${server.issued.at(-1)}`))
    expect(server.exchanged).toHaveLength(hour + 1)
    expect(new Set(server.exchanged.map((form) => form.get('subject_token'))).size).toBe(hour + 1)
  }
})

test('a token that the server no longer takes is replaced once, by the next one', async () => {
  const { authorization, renewed } = job()
  const first = await authorization()
  if (first === undefined) throw new Error('no header')
  const [one, other] = await Promise.all([renewed(first), renewed(first)])
  expect([one?.reveal(), other?.reveal()]).toEqual(Array(2).fill(`Bearer ${server.issued.at(-1)}`))
  expect((await renewed(first))?.reveal()).toBe(one?.reveal())
  expect(server.exchanged).toHaveLength(2)
})

test('while there is no other one, the last seconds of a token are used, and then it is an error', async () => {
  const { authorization, advance } = job()
  const first = await authorization()
  advance(HOUR_MS - 20_000)
  server.next.push(down(), down())
  expect((await authorization())?.reveal()).toBe(first?.reveal())
  advance(20_000)
  expect((await faultOf(authorization())).code).toBe('server_error')
  expect((await authorization())?.reveal()).toBe(`Bearer ${server.issued.at(-1)}`)
})
