/** A pipeline's own secrets in the log of its runs, whether its source names them or not. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { Secret } from '../../../../src/redact/secret.ts'
import { type Harness, openHarness, pipeline, sh, TENANT } from '../run-harness.ts'

const MARK = '***REDACTED***'
const print = (text: string) => pipeline(`console.log(${JSON.stringify(text)}); ${sh(`echo '${text}'`)}`)

let fob: Harness
beforeAll(async () => void (fob = await openHarness()))
afterAll(() => fob[Symbol.asyncDispose]())

test("S60: a pipeline's own secret that the source does not name is redacted, also within JSON; another one's is not", async () => {
  await fob.secret('UNNAMED', JSON.stringify({ key: 'canary-unnamed' }), 'pipeline/pip_1')
  await fob.secret('OTHER', 'of-another-pipeline', 'pipeline/pip_2')
  const { record, text } = await fob.run(print('canary-unnamed of-another-pipeline'))
  expect([text('stdout'), text('stdout', 'task')]).toEqual(Array(2).fill(`${MARK} of-another-pipeline\n`))
  expect(record.redactions).toEqual([
    { secret: 'UNNAMED', in: 'deploy', hits: 1 },
    { secret: 'UNNAMED', in: 'task', hits: 1 },
  ])
})

test('those beyond the first 100 are named at the head of the log, and are redacted once a call uses them', async () => {
  for (let index = 0; index < 102; index++) {
    await fob.secret(`S${100 + index}`, `canary-${1000 + index}`, 'pipeline/pip_3')
  }
  const use = sh('echo canary-1101', { env: { T: 'secret:S201' } })
  const { text } = await fob.run(pipeline(`${sh('echo canary-1099 canary-1100')}; ${use}`), {
    pipelineId: 'pip_3',
  })
  const head =
    'warning: 2 secrets (S200 and others) are redacted only where this run uses them: the pipeline has more than 100 secrets of its own, or more than 64 KiB\n'
  expect(text('stderr')).toBe(head)
  expect(text('stdout', 'task')).toBe(`${MARK} canary-1100\n${MARK}\n`)
})

test('one that cannot be read stops no run, and one that is too long is named', async () => {
  await fob.secret('LONG', 'canary'.repeat(12_000), 'pipeline/pip_4')
  const broken = { tenantId: TENANT, scope: 'pipeline/pip_4', key: 'BROKEN' } as const
  await fob.vault.set(broken, new Secret('canary-broken'))
  const { get } = fob.vault
  fob.vault.get = (place) => (place.key === 'BROKEN' ? Promise.reject(new Error('broken')) : get(place))
  const { record, text } = await fob.run(print('done'), { pipelineId: 'pip_4' })
  fob.vault.get = get
  expect(record.status).toBe('success')
  expect(text('stderr')).toStartWith('warning: secret LONG is redacted only where this run uses it: ')
})
