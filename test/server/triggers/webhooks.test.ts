/** A webhook delivery that waits for the response of its script: until it comes, fails or takes too long. */
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { Secret } from '../../../src/redact/secret.ts'
import { openDatabase } from '../../../src/server/db/open-database.ts'
import { pipelines, tenants } from '../../../src/server/db/schema.ts'
import type { StartRun } from '../../../src/server/runs/runs.ts'
import { openWebhooks, type WebhooksOptions } from '../../../src/server/triggers/webhooks.ts'
import { type ManualClock, manualClock } from '../../support/manual-clock.ts'
import { memoryVault } from '../../support/servers/memory-vault.ts'
import { githubHeaders } from '../../support/servers/webhook-signer.ts'
import { NEVER } from '../runs/run-harness.ts'

const SECRET = 'a-secret-of-the-webhook'
const BODY = '{}'
const REQUEST = { method: 'POST', path: '/api/webhooks/p', query: {}, headers: {}, body: BODY }

let database: ReturnType<typeof openDatabase>
let clock: ManualClock
let started: StartRun[]

beforeEach(async () => {
  clock = manualClock()
  started = []
  database = openDatabase(':memory:')
  await database.db.insert(tenants).values({ id: 't', slug: 'default', name: 'T', createdAt: 0 })
})
afterEach(() => database.close())

/** A pipeline with a webhook, and one delivery to it that has begun a run. */
async function delivered(source: string, signal = NEVER) {
  const row = { tenantId: 't', filename: 'p.ts', driver: 'native', paused: false, createdAt: 0, updatedAt: 0 }
  const [pipeline] = await database.db
    .insert(pipelines)
    .values({ ...row, id: 'p', name: 'p', source })
    .returning()
  if (!pipeline) throw new Error('no pipeline')
  const runs = {
    get: async () => undefined,
    start: async (request: StartRun) => {
      started.push(request)
      return { runId: request.runId ?? '' }
    },
  } as unknown as WebhooksOptions['runs']
  const defaultTenant = { id: 't', slug: 'default' }
  const webhooks = openWebhooks({ db: database.db, clock, vault: memoryVault(), runs, defaultTenant })
  await webhooks.set(pipeline, 'github', new Secret(SECRET))
  const found = await webhooks.authenticate(
    { tenantSlug: null, pipelineName: 'p' },
    {
      method: 'POST',
      target: '/api/webhooks/p',
      headers: new Headers(githubHeaders(BODY, SECRET, 'guid')),
      body: new TextEncoder().encode(BODY),
    },
  )
  if (typeof found === 'string') throw new Error(found)
  return await webhooks.deliver(found, REQUEST, signal)
}

const ANSWERS = 'http.respond({})'
const ANSWER = { status: 200, headers: {}, body: 'said' }
/** Whether it is there by now. */
async function settled(promise: Promise<unknown>): Promise<unknown> {
  return await Promise.race([promise, new Promise((resolve) => setImmediate(() => resolve('not yet')))])
}

describe('a delivery waits for its answer', () => {
  test('until the script gives it', async () => {
    const { answer } = await delivered(ANSWERS)
    expect(await settled(answer)).toBe('not yet')
    started[0]?.exchange?.respond(ANSWER)
    expect(await answer).toEqual(ANSWER)
  })

  test('until the run ends without', async () => {
    const { answer } = await delivered(ANSWERS)
    started[0]?.exchange?.ended()
    expect(await answer).toBeUndefined()
  })

  test('eight seconds and no longer; what is said then is heard by nobody', async () => {
    const { answer } = await delivered(ANSWERS)
    await clock.advance(7999)
    expect(await settled(answer)).toBe('not yet')
    await clock.advance(1)
    expect(await answer).toBeUndefined()
    started[0]?.exchange?.respond(ANSWER)
  })

  test('until its sender is gone', async () => {
    const gone = new AbortController()
    const { answer } = await delivered(ANSWERS, gone.signal)
    gone.abort()
    expect(await answer).toBeUndefined()
  })

  test('not at all where the script does not speak of answers', async () => {
    const { answer } = await delivered('console.log(http.request)')
    expect(await settled(answer)).toBeUndefined()
  })
})

test('the run has the request, and the ID that the delivery was noted with', async () => {
  const { runId, isAgain } = await delivered(ANSWERS)
  expect(started).toMatchObject([{ runId, request: REQUEST, triggeredBy: 'webhook', tenantId: 't' }])
  expect(isAgain).toBe(false)
})
