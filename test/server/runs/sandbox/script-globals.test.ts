/** The globals of scripts in a real run: storage, `fetch` with secrets, errors and timers. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { pipelines } from '../../../../src/server/db/schema.ts'
import { openNetwork } from '../../../../src/guarded-fetch/allowed-networks.ts'
import { type Harness, openHarness, pipeline, TENANT } from '../run-harness.ts'

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

test('what JSON cannot say is not kept, and what was kept before stays', async () => {
  const { record, text } = await fob.run(
    pipeline(`
      const circle = {}
      circle.self = circle
      class Hidden { #field = 1 }
      const values = [
        undefined, NaN, -Infinity, 10n, () => 1, Symbol('s'), new Map([[1, 2]]), new Set(), Promise.resolve(), /x/,
        Object.assign(new Error('e'), { code: 1 }), new Uint8Array(2), new ArrayBuffer(2), new Date(NaN), new Hidden(),
        { a: { b: [1, 'x', new Map()] } }, [[undefined]], [,], { 'a b': [{ c: { toJSON: () => NaN } }] },
        { twice: [[], []], then: { f() {} } }, circle,
      ]
      await storage.set('kept', 'before')
      for (const value of values)
        try { await storage.set('kept', value); console.log('kept') } catch (error) { console.log(error.message) }
      let deep = []
      for (let i = 0; i < 1e5; i++) deep = [deep]
      try { await storage.set('kept', deep); console.log('kept') } catch (error) { console.log(error.message) }
      console.log(await storage.get('kept'))`),
  )
  expect(record.message).toBeNull()
  const refused =
    'is undefined|is NaN|is -Infinity|is a bigint|is a function|is a symbol|is a Map|is a Set|is a Promise|is a RegExp|' +
    'is an Error|is a Uint8Array|is an ArrayBuffer|is an invalid Date|is a Hidden|.a.b[2] is a Map|[0][0] is undefined|' +
    '[0] is undefined|["a b"][0].c is NaN|.then.f is a function'
  const said = refused.split('|').map((wrong) => {
    const space = wrong.startsWith('is ') ? ' ' : ''
    return `storage.set: value${space}${wrong}, which JSON cannot say`
  })
  expect(text('stdout').split('\n')).toEqual([
    ...said,
    'circular reference',
    'storage.set: value is over 1000 deep',
    'before',
    '',
  ])
})

test('what JSON can say is kept as JSON says it', async () => {
  const { record, text } = await fob.run(
    pipeline(`
      class Point { x = 1 }
      const same = [1]
      const value = { none: undefined, at: new Date(0), point: new Point(), own: { toJSON: () => 'own' }, same, again: [same],
        bare: Object.assign(Object.create(null), { a: null }), empty: [{}, []] }
      await storage.set('said', value)
      console.log(JSON.stringify(await storage.get('said')))
      await storage.set('said', null)
      console.log(await storage.get('said'))`),
  )
  expect(record.message).toBeNull()
  const said =
    '{"at":"1970-01-01T00:00:00.000Z","point":{"x":1},"own":"own","same":[1],"again":[[1]],"bare":{"a":null},"empty":[{},[]]}'
  expect(text('stdout')).toBe(`${said}\nnull\n`)
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
