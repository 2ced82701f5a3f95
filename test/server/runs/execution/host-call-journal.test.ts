/** What the journal has of each host call that was given the value of a secret: none of it. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { createHostCalls } from '../../../../src/server/runs/execution/host-call-table.ts'
import { findCanaries } from '../../../support/hostile/canaries.ts'
import { type Harness, openHarness, pipeline } from '../run-harness.ts'

/** Valid as the name of a volume, so that it comes as far as it can. */
const CANARY = 'canary-7Qz.in_a-name'

/** By method, a call that carries the value `c` wherever it can. What is thrown is journalled too. */
const CALLS: Record<string, string> = {
  'runtime.run': `await runtime.run({ name: c, command: { path: 'sh', args: ['-c', 'echo "$1"; echo "$1" >&2', 'sh', c] }, env: { A: c }, stdin: c, mounts: { [c]: c } })`,
  'sandbox.open': `await runtime.startSandbox({ name: c, env: { A: c }, mounts: { [c]: c } })`,
  'sandbox.exec': `await (await runtime.startSandbox({ name: 'box' })).exec({ name: c, command: { path: 'echo', args: [c] }, workDir: '.' })`,
  'sandbox.close': `{ const box = await runtime.startSandbox({ name: c }); await box.close() }`,
  'volumes.create': `{
    const volume = volumes.create({ name: c })
    assert(volume.name === c, 'the script has the name that it gave')
    const { stdout } = await runtime.run({ name: 'list', command: { path: 'ls' }, mounts: { data: volume } })
    assert(stdout === 'data\\n', 'and the volume is there')
  }`,
  timer: `await new Promise((resolve) => setTimeout(resolve, 1, c))`,
  'nativeResources.check': `nativeResources.check({ type: 's3', source: { bucket: c, regexp: c, endpoint: 'http://' + c } })`,
  'nativeResources.fetch': `await nativeResources.fetch({ type: 'git', source: { uri: 'https://127.0.0.1:1/' + c }, version: { ref: c }, destDir: c + '/' + c })`,
  'nativeResources.push': `await nativeResources.push({ type: c, source: { uri: c }, srcDir: c })`,
  'notify.send': `{ notify.setConfigs({ [c]: { type: 'http', url: 'http://127.0.0.1:1/' + c } }); await notify.send({ name: c, message: c }) }`,
  'http.respond': `await http.respond({ status: 200, headers: { 'x-a': c }, body: c })`,
  'storage.get': `await storage.get(c)`,
  'storage.set': `{ await storage.set('k', { [c]: c }); await storage.get('k'); await storage.set(c, 1) }`,
  fetch: `await fetch('http://127.0.0.1:1/' + c, { method: 'POST', headers: { a: c }, body: c })`,
}

let fob: Harness
beforeAll(async () => {
  fob = await openHarness()
  await fob.secret('TOKEN', CANARY)
})
afterAll(() => fob[Symbol.asyncDispose]())

test('every host call has a row here', () => {
  const options = new Proxy({}, { get: () => ({}) }) as Parameters<typeof createHostCalls>[0]
  expect(Object.keys(CALLS).toSorted()).toEqual(Object.keys(createHostCalls(options)).toSorted())
})

describe('the journal has nothing of a secret that a call was given', () => {
  test.each(Object.entries(CALLS))('%s', async (method, call) => {
    const request = { method: 'POST', path: '/', query: {}, headers: {}, body: CANARY }
    const body = `const [c] = pipelineContext.args\ntry { ${call} } catch (error) { console.log('failed: ' + error.message) }\nthrow new Error('a run that succeeded leaves no journal')`
    const { runId, text } = await fob.run(pipeline(body), { args: [CANARY], request })
    const rows = fob.database.db.$client
      .query('SELECT DISTINCT method FROM run_answers WHERE run_id = ?')
      .values(runId)
    expect(rows.flat()).toContain(method)
    if (method === 'volumes.create') expect(text('stdout', 'list')).toBe('data\n')
    expect(findCanaries(fob.dataDir, [CANARY])).toEqual([])
  })
})
