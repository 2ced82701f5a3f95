/** Simultaneous runs of two tenants share no files, variables, secrets or events. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { until } from '../../../support/servers/json-client.ts'
import { type Company, openCompany, type Person } from '../company.ts'

/** Two tenants, a pipeline of one name in each, the same names for everything in it, running at the same time. */

const SCRIPT = (mark: string) => `
const sh = (script, more) => runtime.run({ name: 'look', command: { path: 'sh', args: ['-c', script] }, ...more })
export const pipeline = async () => {
  const shared = volumes.create({ name: 'shared' })
  console.log('script of ${mark}', pipelineContext.tenant)
  await sh('cat volume/* 2>/dev/null; echo file-of-${mark} > volume/${mark}; echo "$VARIABLE"; env | sort', {
    env: { VARIABLE: 'variable-of-${mark}', KEY: 'secret:KEY' },
    mounts: { volume: shared },
  })
  // Long enough for both to be in the middle of it.
  await sh('for i in 1 2 3 4 5; do ls volume; cat volume/*; sleep 0.1; done', { mounts: { volume: shared } })
  const { stdout } = await sh('test "$KEY" = value-of-${mark} && echo own-secret-of-${mark}', { env: { KEY: 'secret:KEY' } })
  console.log('the task said', stdout)
}`

const SIDES: { who: Person; mark: string; other: string }[] = [
  { who: 'ada', mark: 'default', other: 'acme' },
  { who: 'eve', mark: 'acme', other: 'default' },
]

let company: Company
const logs = new Map<string, string>()
const ids = new Map<string, string>()

beforeAll(async () => {
  company = await openCompany()
  for (const { who, mark } of SIDES) {
    const body = { source: SCRIPT(mark), filename: 'same.ts', secrets: { KEY: `value-of-${mark}` } }
    expect((await company.ask(who, 'PUT', '/api/pipelines/same', { body })).status).toBe(201)
  }
  await Promise.all(
    SIDES.map(async ({ who, mark }) => {
      const { text } = await company.ask(who, 'POST', '/api/pipelines/same/run', { body: {} })
      const { run_id: id } = JSON.parse(text) as { run_id: string }
      ids.set(mark, id)
      await until(
        async () => JSON.parse((await company.ask(who, 'GET', `/api/runs/${id}`)).text) as { status: string },
        ({ status }) => status !== 'queued' && status !== 'running',
      )
      logs.set(mark, (await company.ask(who, 'GET', `/api/runs/${id}/log`)).text)
    }),
  )
})
afterAll(() => company.stop())

describe('two runs of two tenants, side by side', () => {
  test.each(SIDES)(
    '$mark has its own files, variables and secrets, and none of the other',
    ({ mark, other }) => {
      const log = logs.get(mark) ?? ''
      expect(log).toContain(`script of ${mark} ${mark}`)
      expect(log).toContain(`variable-of-${mark}`)
      expect(log).toContain(`file-of-${mark}`)
      expect(log).toContain(`own-secret-of-${mark}`)
      expect(log).not.toContain(`value-of-${mark}`)
      expect(log).not.toContain(`-of-${other}`)
      // `ls` of the volume of the same name.
      expect(log).not.toMatch(new RegExp(`^${other}$`, 'm'))
    },
  )

  test.each(SIDES)('what happened in $mark is told to nobody of the other', async ({ mark, other }) => {
    const stranger = SIDES.find((side) => side.mark === other)?.who
    for (const path of ['', '/events', '/log']) {
      const answer = await company.ask(stranger, 'GET', `/api/runs/${ids.get(mark)}${path}`)
      expect(answer.status).toBe(404)
      expect(answer.text).not.toContain(`-of-${mark}`)
    }
    expect((await company.ask(stranger, 'GET', '/api/runs')).text).not.toContain(ids.get(mark) ?? 'no run')
  })
})
