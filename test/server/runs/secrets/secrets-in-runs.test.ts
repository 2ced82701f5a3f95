/** Secrets in runs: redacted in output, errors, names and files, present in tasks, by scope. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { runEvents, runs, runTasks } from '../../../../src/server/db/schema.ts'
import { type Harness, openHarness, pipeline, sh } from '../run-harness.ts'

const CANARY = 'canary-7Qz"x&\\y-ä-end'
const MARK = '***REDACTED***'

let fob: Harness
beforeAll(async () => {
  fob = await openHarness()
  await fob.secret('TOKEN', CANARY)
})
afterAll(() => fob[Symbol.asyncDispose]())

/** `runtime.run` of a shell command that has the canary as `$T`. */
const withToken = (script: string, more: Record<string, unknown> = {}) =>
  sh(script, { env: { T: 'secret:TOKEN' }, ...more })

/** One write a byte. */
const BYTE_BY_BYTE = `
  for b in $(printf '<%s>' "$T" | od -An -v -tx1); do printf "\\x$b"; done`

describe('S60, S61, S63: the value is gone before anything is stored, returned or shown', () => {
  test.each<[string, string, { stream?: 'stdout' | 'stderr'; task?: string; gives: string }]>([
    ['printed whole', withToken('printf "<%s>" "$T"'), { task: 'task', gives: `<${MARK}>` }],
    [
      'printed on stderr',
      withToken('printf "<%s>" "$T" >&2'),
      { stream: 'stderr', task: 'task', gives: `<${MARK}>` },
    ],
    [
      'printed in two halves, a moment apart',
      withToken('printf "<canary-7Qz"; sleep 0.4; printf "%s>" "${T#canary-7Qz}"'),
      { task: 'task', gives: `<${MARK}>` },
    ],
    [
      'printed byte by byte',
      withToken('', { command: { path: 'bash', args: ['-c', BYTE_BY_BYTE] } }),
      { task: 'task', gives: `<${MARK}>` },
    ],
    [
      'left unfinished: only the beginning of the value',
      withToken('printf "canary-7Qz"'),
      { task: 'task', gives: 'canary-7Qz' },
    ],
    [
      'given back to the script, which prints it',
      `const r = ${withToken('printf "<%s>" "$T"; printf "[%s]" "$T" >&2')}; console.log(r.stdout + r.stderr)`,
      { gives: `<${MARK}>[${MARK}]\n` },
    ],
    [
      'known to the script from elsewhere, and printed by it',
      `${withToken('true')}; console.error(${JSON.stringify(CANARY)})`,
      { stream: 'stderr', gives: `${MARK}\n` },
    ],
  ])('%s', async (_, body, { stream, task, gives }) => {
    const { record, text } = await fob.run(pipeline(body))
    expect([record.status, record.message]).toEqual(['success', null])
    expect(text(stream, task)).toBe(gives)
  })

  test('printed by two tasks at once', async () => {
    const slowly = 'for i in 1 2 3; do printf "$T"; sleep 0.02; printf "$T\\n"; done'
    const task = (name: string) =>
      JSON.stringify({ name, command: { path: 'sh', args: ['-c', slowly] }, env: { T: 'secret:PLAIN' } })
    await fob.secret('PLAIN', 'canary-plain-value')
    const { text } = await fob.run(
      pipeline(`await Promise.all([runtime.run(${task('a')}), runtime.run(${task('b')})])`),
    )
    for (const name of ['a', 'b']) expect(text('stdout', name)).toBe(`${MARK}${MARK}\n`.repeat(3))
  })

  test("in the error of a failing run, and in a task's name", async () => {
    const body = `${withToken('true', { name: `deploy ${CANARY}!` })}; throw new Error(${JSON.stringify(CANARY)})`
    const { record, events } = await fob.run(pipeline(body))
    expect(record.message).toEndWith(`Error: ${MARK}`)
    expect(record.tasks[0]?.name).toBe(`deploy ${MARK}!`)
    expect(events.at(-1)?.data).toMatchObject({ message: record.message })
  })

  test('handed in as an argument: the script gets it, the record and the log do not', async () => {
    await fob.secret('UNUSED', 'canary-unused-value')
    const source = pipeline(`console.log(pipelineContext.args[1].length, ...pipelineContext.args)`)
    const { record, text } = await fob.run(source, {
      args: ['a', 'x=canary-unused-value'],
      task: 'canary-unused-value',
    })
    expect([record.args, record.task]).toEqual([['a', `x=${MARK}`], MARK])
    expect(text('stdout')).toBe(`21 a x=${MARK}\n`)
  })

  test('S62: a value that contains another is replaced whole', async () => {
    await fob.secret('INNER', 'canary-inner')
    await fob.secret('OUTER', '<canary-inner>')
    const body = sh('printf "%s" "$OUTER"', { env: { INNER: 'secret:INNER', OUTER: 'secret:OUTER' } })
    const { text } = await fob.run(pipeline(body))
    expect(text('stdout', 'task')).toBe(MARK)
  })

  test('no trace of any of it is in the database, its files, the run folder or the server log', async () => {
    const { db } = fob.database
    const events = await db.select().from(runEvents)
    const rows = [events, await db.select().from(runs), await db.select().from(runTasks)]
    const texts = [JSON.stringify(rows), ...events.map((row) => row.data), fob.log()]
    // One byte a character, so that a value is found wherever it stands.
    const files = readdirSync(fob.dataDir, { recursive: true, withFileTypes: true })
    for (const file of files.filter((entry) => entry.isFile())) {
      texts.push(readFileSync(join(file.parentPath, file.name), 'latin1'))
    }
    expect(texts.join('')).toContain(MARK)
    for (const needle of [
      CANARY,
      Buffer.from(CANARY).toString('latin1'),
      'canary-plain-value',
      'canary-unused-value',
      'canary-inner',
      '-end',
    ]) {
      for (const text of texts) expect(text.includes(needle) ? `found ${needle}` : '').toBe('')
    }
  })
})

describe('the environment of a task', () => {
  test('S57, S58: has the value, and never the word secret:', async () => {
    const { text } = await fob.run(
      pipeline(withToken('printf %s "$T" | wc -c; env | grep -c secret: || true')),
    )
    expect(text('stdout', 'task').trim()).toBe(`${Buffer.byteLength(CANARY)}\n0`)
  })

  test('S59: has plain values as they are, and nothing that was not declared', async () => {
    process.env.LEAKED_FROM_SERVER = 'yes'
    const { text } = await fob.run(
      pipeline(sh('env', { env: { NODE_ENV: 'production', N: 1.5, B: true, REF: ' secret:TOKEN' } })),
    )
    delete process.env.LEAKED_FROM_SERVER
    const names = Object.fromEntries(
      text('stdout', 'task')
        .trim()
        .split('\n')
        .map((line) => line.split(/=(.*)/s).slice(0, 2) as [string, string]),
    )
    expect(names).toMatchObject({ NODE_ENV: 'production', N: '1.5', B: 'true', REF: ' secret:TOKEN' })
    const ours = ['NODE_ENV', 'N', 'B', 'REF', 'PATH', 'HOME', 'TMPDIR', 'PWD']
    // What `sh` itself adds.
    expect(
      Object.keys(names)
        .filter((name) => !['_', 'SHLVL', 'OLDPWD'].includes(name))
        .toSorted(),
    ).toEqual(ours.toSorted())
  })

  test('the value is in no argument of any process', async () => {
    const { text } = await fob.run(pipeline(withToken('tr "\\0" " " < /proc/$$/cmdline')))
    expect(text('stdout', 'task')).not.toContain(MARK)
  })
})

describe('a missing secret', () => {
  test('S64: fails the run at once, names the key, and starts no task', async () => {
    const body = sh('touch ../started', { env: { A: 'secret:TOKEN', B: 'secret:NOT_THERE' } })
    const { record, events } = await fob.run(
      pipeline(`try { ${body} } catch {}\nconsole.log('went on')\nawait new Promise(() => {})`),
    )
    expect(record.status).toBe('failed')
    expect(record.message).toBe(
      'secret NOT_THERE is not set: looked in pipeline deploy, then in global, then in server; ' +
        'set it with: fob secrets set NOT_THERE --pipeline deploy',
    )
    expect(record.tasks).toEqual([])
    expect(events.at(-1)).toMatchObject({ type: 'exit', data: { code: 1, message: record.message } })
  })

  test('ends the tasks that run', async () => {
    const other = JSON.stringify({ name: 'other', command: { path: 'true' }, env: { A: 'secret:NOPE' } })
    const { record } = await fob.run(
      pipeline(
        `${sh('echo ready; sleep 30').replace('await ', 'const first = ')}\nawait runtime.run(${other})`,
      ),
    )
    expect(record.status).toBe('failed')
    expect(record.message).toContain('NOPE')
    for (const task of record.tasks) expect(task.status).toBe('abort')
  })

  test.each(['secret:', 'secret:with space', 'secret:1X'])(
    'a reference that names no key: %j',
    async (reference) => {
      const { record } = await fob.run(pipeline(sh('true', { env: { A: reference } })))
      expect([record.status, record.message]).toEqual([
        'failed',
        expect.stringContaining(`"${reference}" does not name a secret; write secret:KEY`) as string,
      ])
    },
  )
})

describe('scopes', () => {
  const show = pipeline(sh('printf "%s" "$A" | wc -c', { env: { A: 'secret:SHARED' } }))

  test("S65, S71: the pipeline's own value comes before the global one", async () => {
    await fob.secret('SHARED', 'global-value')
    await fob.secret('SHARED', 'own', 'pipeline/pip_own')
    expect((await fob.run(show, { pipelineId: 'pip_own' })).text('stdout', 'task').trim()).toBe('3')
    expect((await fob.run(show, { pipelineId: 'pip_else' })).text('stdout', 'task').trim()).toBe('12')
  })

  test("S68: a pipeline cannot read another one's secret, nor another tenant's", async () => {
    await fob.secret('OF_A', 'canary-of-a', 'pipeline/pip_a')
    const read = pipeline(sh('true', { env: { A: 'secret:OF_A' } }))
    expect((await fob.run(read, { pipelineId: 'pip_a' })).record.status).toBe('success')
    const other = await fob.run(read, { pipelineId: 'pip_b' })
    expect([other.record.status, other.record.message]).toEqual([
      'failed',
      'secret OF_A is not set: looked in pipeline deploy, then in global, then in server; ' +
        'set it with: fob secrets set OF_A --pipeline deploy',
    ])
    const path = pipeline(sh('true', { env: { A: 'secret:pipeline/pip_a/OF_A' } }))
    expect((await fob.run(path, { pipelineId: 'pip_b' })).record.message).toContain('does not name a secret')
  })
})
