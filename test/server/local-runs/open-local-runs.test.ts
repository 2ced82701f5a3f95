/** Runs without a server: the same script, log and redaction, secrets in memory, and an end on a signal. */
import { expect, test } from 'bun:test'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock } from '../../../src/platform/clock.ts'
import { Secret } from '../../../src/redact/secret.ts'
import { openLocalRuns } from '../../../src/server/local-runs/open-local-runs.ts'
import { SANDBOX } from '../../support/sandbox-command.ts'
import { temporaryFolder } from '../../support/temporary.ts'
import { failure, pipeline, sh } from '../runs/run-harness.ts'

const quiet = { info: () => {}, warn: () => {}, error: () => {} }

async function open() {
  const folder = temporaryFolder()
  const options = { folder, clock: systemClock, log: quiet, env: process.env, allowed: [] }
  const runs = await openLocalRuns({ ...options, sandboxCommand: SANDBOX })
  const run = async (
    body: string,
    secrets: Record<string, string> = {},
    signal = AbortSignal.timeout(50_000),
  ) => {
    const asked = { name: 'deploy', filename: 'deploy.ts', source: pipeline(body), args: ['x'], task: 'y' }
    const values = new Map(Object.entries(secrets).map(([key, value]) => [key, new Secret(value)]))
    return await Array.fromAsync(runs.run({ ...asked, secrets: values, timeoutMs: undefined }, signal))
  }
  return { folder, runs, run, [Symbol.asyncDispose]: () => runs.close() }
}

test('a run has its arguments, its tasks and its secrets, which are redacted and on no disk', async () => {
  await using desk = await open()
  const events = await desk.run(
    `${sh('echo "$T $T"', { env: { T: 'secret:TOKEN' } })}
    console.log(pipelineContext.args, pipelineContext.task, pipelineContext.pipeline)`,
    { TOKEN: 'canary-of-exec' },
  )
  const log = events.flatMap((event) => (event.type === 'log' ? [event.data.data] : [])).join('')
  expect(log).toContain('***REDACTED*** ***REDACTED***\n')
  expect(log).toContain('y deploy')
  expect(events.at(-1)).toMatchObject({ type: 'exit', data: { code: 0 } })
  for (const name of readdirSync(desk.folder).filter((file) => file.startsWith('fob.db')))
    expect(readFileSync(join(desk.folder, name)).includes('canary-of-exec')).toBe(false)
})

test('a signal stops the run, and its events come to their end', async () => {
  await using desk = await open()
  const stop = new AbortController()
  setTimeout(() => stop.abort(), 300)
  const events = await desk.run(sh('sleep 60'), {}, stop.signal)
  expect(events.at(-1)).toMatchObject({ type: 'exit', data: { message: 'interrupted' } })
})

test('a value that is too short to be redacted is refused by its key', async () => {
  await using desk = await open()
  expect(await failure(desk.run(sh('true'), { PIN: '123' }))).toMatchObject({
    code: 'usage',
    message: 'the value of PIN has fewer than 4 bytes',
  })
})
