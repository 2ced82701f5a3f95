/** Secrets that are mentioned and not set: a warning at the head of a run, and a failure of the call that needs one. */
import { describe, expect, test } from 'bun:test'
import { unsetSecretsWarning } from '../../../../src/server/runs/secrets/unset-secrets-warning.ts'
import { fakeDriver } from '../fake-driver.ts'
import { type Harness, openHarness, pipeline, TENANT } from '../run-harness.ts'

/** Runs on a driver that notes what is done on it. */
async function open() {
  const done: string[] = []
  const driver = {
    ...fakeDriver(true),
    createVolume: async (_: string, name: string) => void done.push(`volume ${name}`),
    openSandbox: async () => void done.push('sandbox'),
  }
  const fob = await openHarness({ drivers: [driver] })
  const run = async (body: string) => fob.ended(await start(fob, body))
  return { done, driver, fob, run, [Symbol.asyncDispose]: () => fob[Symbol.asyncDispose]() }
}

async function start(fob: Harness, body: string): Promise<string> {
  const named = { id: 'pip_1', name: 'deploy', filename: 'deploy.ts', source: pipeline(body), driver: 'fake' }
  return await fob.start(named.source, { pipeline: named })
}

const MESSAGE = 'secret NOPE is not set: looked in pipeline deploy, then in global, then in server'
const HEAD = 'warning: secret NOPE is not set; a call that needs it will fail\n'
const needs = (mounts: object) =>
  JSON.stringify({ name: 'needy', command: { path: 'needy' }, env: { A: 'secret:NOPE' }, mounts })

describe('S64, S96: a secret that is mentioned and not set', () => {
  test('does not fail a run that never needs it, and is a warning at the head of its log', async () => {
    await using desk = await open()
    const { record, text, events } = await desk.run(`
      console.log('first')
      notify.setConfigs({ chat: { type: 'slack', token: 'secret:NOPE', channels: ['#x'] } })
      if (pipelineContext.args[0] === 'production') await runtime.run(${needs({})})`)
    expect(record.status).toBe('success')
    expect([text('stderr'), text('stdout')]).toEqual([HEAD, 'first\n'])
    expect(events.find(({ type }) => type === 'log')?.data).toMatchObject({ data: HEAD })
  })

  test.each([
    ['runtime.run', `await runtime.run(${needs({ m: 'vol' })})`],
    [
      'runtime.startSandbox',
      `await runtime.startSandbox(${needs({ m: 'vol' }).replace(/"command":{[^}]*},/, '')})`,
    ],
  ])('fails %s, and with it the run, before a volume or a process of it exists', async (_, call) => {
    await using desk = await open()
    const { record, text } = await desk.run(`
      await runtime.run({ name: 'before', command: { path: 'before' } })
      try { ${call} } catch {}
      console.log('continued')
      await new Promise(() => {})`)
    expect([record.status, record.message]).toEqual(['failed', expect.stringContaining(MESSAGE)])
    expect([desk.driver.begun, desk.done, text('stdout')]).toEqual([['before'], [], ''])
  })

  test.each([
    ['fetch', `await fetch('https://127.0.0.1/', { headers: { authorization: 'Bearer secret:NOPE' } })`],
    [
      'nativeResources.check',
      `nativeResources.check({ type: 'git', source: { uri: 'https://x.example/r', token: 'secret:NOPE' } })`,
    ],
    [
      'nativeResources.push',
      `await nativeResources.push({ type: 's3', source: { bucket: 'b' }, params: { prefix: 'secret:NOPE' }, srcDir: 'vol' })`,
    ],
    ['notify.send', `await notify.send({ name: 'chat', message: 'm' })`],
    ['notify.send in the background', `await notify.send({ name: 'chat', message: 'm', async: true })`],
  ])('is an error of %s that the script can catch', async (_, call) => {
    await using desk = await open()
    const { record, text } = await desk.run(`
      notify.setConfigs({ chat: { type: 'teams', webhook: 'secret:NOPE' } })
      try { ${call}; console.log('no error') } catch (error) { console.log(error.message) }`)
    expect([record.status, text('stdout')]).toEqual(['success', expect.stringContaining(MESSAGE)])
  })

  test('is in the log once, also where the next server continues the run', async () => {
    const desk = await open()
    const waits = `console.log('waits'); if (pipelineContext.args[0]) f('secret:NOPE'); await sleep(60000)`
    const id = await start(desk.fob, waits)
    for await (const { type, data } of desk.fob.runs.events(TENANT, id, 0, AbortSignal.timeout(10_000)))
      if (type === 'log' && data.data === 'waits\n') break
    await desk.fob.runs.close()
    desk.fob.database.close()
    // Closed here, and not a second time at the end of the test.
    await using next = await openHarness({
      dataDir: desk.fob.dataDir,
      vault: desk.fob.vault,
      drivers: [fakeDriver(true)],
    })
    await next.runs.stop(TENANT, id, 'enough')
    expect((await next.ended(id)).text('stderr')).toBe(HEAD)
  })
})

test('a source can name more secrets than one line is good for', () => {
  expect(unsetSecretsWarning(['A', 'B']).data).toBe(
    'warning: secrets A, B are not set; a call that needs one of them will fail\n',
  )
  const keys = Array.from({ length: 500 }, (_, index) => `KEY_${index}`)
  expect(unsetSecretsWarning(keys).data).toEndWith(
    'KEY_19 and 480 more are not set; a call that needs one of them will fail\n',
  )
})
