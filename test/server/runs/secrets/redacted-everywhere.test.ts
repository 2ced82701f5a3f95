/** Redaction of runs in every encoding, in parallel tasks and names, and the report of a run. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { Secret } from '../../../../src/redact/secret.ts'
import { findCanaries } from '../../../support/hostile/canaries.ts'
import { type Harness, openHarness, pipeline, sh } from '../run-harness.ts'

const CANARY = 'canary/7Qz"x&\\y-ä $HOME\'-end'
const MARK = '***REDACTED***'

let fob: Harness
beforeAll(async () => {
  fob = await openHarness()
  await fob.secret('TOKEN', CANARY)
})
afterAll(() => fob[Symbol.asyncDispose]())

const withToken = (script: string, more: Record<string, unknown> = {}) =>
  sh(script, { env: { T: 'secret:TOKEN' }, ...more })
const bash = (script: string) => withToken('', { command: { path: 'bash', args: ['-c', script] } })

describe('S60, S61: the value is gone in every encoding before anything is stored, returned or shown', () => {
  test.each<[string, string]>([
    ['base64', 'printf %s "$T" | base64 -w0'],
    ['base64 of more than the value', 'printf "user:%s!" "$T" | base64 -w0'],
    ['hex', 'printf %s "$T" | od -An -v -tx1 | tr -d " \\n"'],
    ['shell quoting', 'printf %q "$T"'],
    ['what the shell traces', 'set -x; : "$T" 2>&1'],
  ])('%s', async (_, script) => {
    const { text, events } = await fob.run(pipeline(bash(script)))
    expect(text(undefined, 'task') + text('stderr', 'task')).toContain(MARK)
    expect(JSON.stringify(events)).not.toContain('-end')
  })

  test('JSON, URLs and XML, as the script writes them', async () => {
    const body = `${withToken('true')}
      const value = ${JSON.stringify(CANARY)}
      console.log(JSON.stringify({ value }), encodeURIComponent(value))
      console.log('<a b="' + value.replaceAll('&', '&amp;').replaceAll('"', '&quot;') + '"/>')`
    const { text } = await fob.run(pipeline(body))
    expect(text('stdout')).toBe(`{"value":"${MARK}"} ${MARK}\n<a b="${MARK}"/>\n`)
  })

  test('a value of several lines, printed line by line in two tasks at once', async () => {
    await fob.secret('PEM', '-----BEGIN KEY-----\ncanary-line-one\ncanary-line-two\n-----END KEY-----\n')
    const lines = 'printf "%s" "$P" | while read -r line; do echo "[$line]"; sleep 0.01; done'
    const [a, b] = ['a', 'b'].map((name) =>
      sh(lines, { name, env: { P: 'secret:PEM' } }).replace('await ', ''),
    )
    const { text } = await fob.run(pipeline(`await Promise.all([${a}, ${b}])`))
    for (const name of ['a', 'b']) expect(text('stdout', name)).toBe(`[${MARK}]\n`.repeat(4))
  })

  test('a value that the script names is hidden before the task that gets it has begun', async () => {
    const body = `console.log(${JSON.stringify(CANARY)}); ${withToken('true')}`
    expect((await fob.run(pipeline(body))).text('stdout')).toBe(`${MARK}\n`)
  })

  test('output that a script prints again has the same marks, even where a value is a part of the mark', async () => {
    await fob.secret('WORD', 'REDACTED')
    const body = `const r = ${sh('printf "$A $T"', { env: { A: 'secret:WORD', T: 'secret:TOKEN' } })}
      console.log(r.stdout)`
    expect((await fob.run(pipeline(body))).text('stdout')).toBe(`${MARK} ${MARK}\n`)
  })
})

describe('the report of a run', () => {
  test('S60: counts the marks by secret and by task, and has names only', async () => {
    await fob.secret('DB_PASSWORD', 'canary-of-the-db')
    const env = { T: 'secret:TOKEN', D: 'secret:DB_PASSWORD' }
    const body = `${sh('echo "$D $D"; echo "$D" >&2; echo "$T"', { name: 'migrate', env })}
      console.log('canary-of-the-db')`
    const { record } = await fob.run(pipeline(body), { args: ['canary-of-the-db'] })
    expect(record.redactions).toEqual([
      { secret: 'DB_PASSWORD', in: 'deploy', hits: 2 },
      { secret: 'DB_PASSWORD', in: 'migrate', hits: 3 },
      { secret: 'TOKEN', in: 'migrate', hits: 1 },
    ])
  })

  test('is empty when nothing was hidden, and there is none before the end', async () => {
    const runId = await fob.start(pipeline(sh('sleep 0.2')))
    expect((await fob.runs.get('ten_1', runId))?.redactions).toBeNull()
    expect((await fob.ended(runId)).record.redactions).toEqual([])
  })
})

describe('S64: a missing secret', () => {
  test('fails the run when it is asked for, and the nearest name is suggested', async () => {
    const { record } = await fob.run(pipeline(withToken('true').replace('TOKEN', 'TOKENN')))
    expect([record.status, record.message]).toEqual([
      'failed',
      'secret TOKENN is not set: looked in pipeline deploy, then in global, then in server; did you mean TOKEN? Or set it with: fob secrets set TOKENN --pipeline deploy',
    ])
    expect(record.tasks).toEqual([])
  })

  test('fails it as well when its name is put together', async () => {
    const body = sh('true', { env: { A: 'X' } }).replace('"X"', `'secret:' + 'NOWHERE_' + 'TO_BE_SEEN'`)
    const { record, text } = await fob.run(pipeline(`console.log('ran'); ${body}`))
    expect(record.message).toStartWith('secret NOWHERE_TO_BE_SEEN is not set')
    expect([record.tasks, text('stdout')]).toEqual([[], 'ran\n'])
  })
})

test.each<[string, string | Uint8Array, string]>([
  ['bytes that are no text', Uint8Array.of(255, 1, 2, 3, 4, 5), 'is not text'],
  ['a NUL', 'canary\0nul', 'contains a NUL'],
])('a value with %s is no environment variable', async (_, value, problem) => {
  await fob.vault.set({ tenantId: 'ten_1', scope: 'global', key: 'RAW' }, new Secret(value))
  const { record } = await fob.run(pipeline(sh('true', { env: { A: 'secret:RAW' } })))
  expect([record.status, record.message]).toEqual(['failed', `the value of env.A ${problem}`])
})

test('S61: a run killed in the middle of a line leaves no trace of the value, in any encoding', async () => {
  const encoded = 'printf %s "$T" | base64 -w0; printf %s "$T" | od -An -v -tx1 | tr -d " \\n"'
  const script = `echo "$T"; ${encoded}; echo ready; printf "%s" "$T$T" | head -c 40; sleep 30`
  const runId = await fob.start(pipeline(bash(script)))
  const signal = AbortSignal.timeout(10_000)
  for await (const event of fob.runs.events('ten_1', runId, 0, signal)) {
    if (event.type === 'log' && event.data.data.includes('ready')) break
  }
  await fob.runs.stop('ten_1', runId, 'stopped by the test')
  const { record, text } = await fob.ended(runId)
  expect(record.status).toBe('stopped')
  expect(text('stdout', 'task')).toStartWith(`${MARK}\n${MARK}${MARK}ready\n`)
  expect(findCanaries(fob.dataDir, [CANARY])).toEqual([])
})

test('no trace of any of it is in the database or its files', () => {
  const canaries = [CANARY, 'canary-line-one', 'canary-line-two', 'canary-of-the-db']
  expect(findCanaries(fob.dataDir, canaries)).toEqual([])
  expect(fob.log()).not.toContain('canary')
})
