import { afterAll, beforeAll, expect, test } from 'bun:test'
import { pipelines } from '../../../src/server/db/schema.ts'
import { openNetwork } from '../../../src/server/runs/fetch/network.ts'
import { type Harness, openHarness, pipeline, TENANT } from './harness.ts'

let fob: Harness
let server: Bun.Server<undefined>
beforeAll(async () => {
  fob = await openHarness({ network: openNetwork(['127.0.0.1']) })
  const row = { tenantId: TENANT, filename: 'p.ts', source: '', driver: 'native', paused: false }
  const { db } = fob.database
  await db.insert(pipelines).values({ ...row, id: 'pip_1', name: 'deploy', createdAt: 0, updatedAt: 0 })
  server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    fetch: (request) =>
      Response.json({ auth: request.headers.get('authorization'), path: new URL(request.url).pathname }),
  })
})
afterAll(async () => {
  await server.stop(true)
  await fob[Symbol.asyncDispose]()
})

test('a script counts its runs', async () => {
  const source = pipeline(`
    const count = ((await storage.get('count')) ?? 0) + 1
    await storage.set('count', count)
    console.log('run', count)`)
  const texts = []
  for (let i = 0; i < 3; i++) texts.push((await fob.run(source)).text('stdout'))
  expect(texts).toEqual(['run 1\n', 'run 2\n', 'run 3\n'])
})

test('a script fetches with a secret that it never sees', async () => {
  await fob.secret('TOKEN', 'canary-of-world-12')
  const { record, text } = await fob.run(
    pipeline(`
      const answer = await fetch('http://127.0.0.1:${server.port}/a', { headers: { Authorization: 'Bearer secret:TOKEN' } })
      const { auth, path } = await answer.json()
      console.log(answer.ok, answer.status, answer.headers.get('Content-Type'), path, auth.length, auth)`),
  )
  expect(record.message).toBeNull()
  expect(text('stdout')).toBe('true 200 application/json;charset=utf-8 /a 21 Bearer ***REDACTED***\n')
  expect(record.redactions?.map(({ secret }) => secret)).toContain('TOKEN')
})

test('what is refused is an error that a script can catch', async () => {
  const { text } = await fob.run(
    pipeline(`
      for (const url of ['http://169.254.169.254/', 'file:///etc/passwd']) {
        try { await fetch(url) } catch (error) { console.log(error.message) }
      }
      try { await storage.set('', 1) } catch (error) { console.log(error.message) }`),
  )
  expect(text('stdout').split('\n')).toEqual([
    'fetch: 169.254.169.254 is not a place on the internet, and this server allows no other; its operator can: fob server --allow-network 169.254.169.254',
    'fetch: file: cannot be asked; http: and https: can',
    'storage.set: key is empty',
    '',
  ])
})

test('a timer that nobody waits for does not keep a run going, and a task does', async () => {
  const { record, text } = await fob.run(
    pipeline(`
      void runtime.run({ name: 'late', command: { path: 'sh', args: ['-c', 'sleep 0.3; echo late'] } })
      await Promise.race([sleep(1e12), sleep(10)])
      setTimeout(() => console.log('never'), 100_000)`),
  )
  expect([record.status, text('stdout')]).toEqual(['success', ''])
  expect(record.tasks).toMatchObject([{ name: 'late', status: 'success', stdoutBytes: 5 }])
})
