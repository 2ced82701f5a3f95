/** A run from start to end: tasks, output, failures, stops, server shutdown, lists and checks. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { eq } from 'drizzle-orm'
import { Fault } from '../../../src/contract/fault.ts'
import { pipelines } from '../../../src/server/db/schema.ts'
import {
  addPipeline,
  failure,
  type Harness,
  NEVER,
  openHarness,
  pipeline,
  sh,
  TENANT,
} from './run-harness.ts'

let fob: Harness
beforeAll(async () => {
  fob = await openHarness()
})
afterAll(() => fob[Symbol.asyncDispose]())

describe('a run', () => {
  test('S87, S88: runs the script and its task, and records what happened', async () => {
    const { record, events, text } = await fob.run(
      pipeline(`
        const result = await runtime.run({ name: 'hello', image: 'busybox',
          command: { path: 'sh', args: ['-c', 'echo out; echo err >&2; exit 3'] }, env: {} })
        console.log(JSON.stringify(result))`),
    )
    expect(record).toMatchObject({
      status: 'success',
      message: null,
      pipelineName: 'deploy',
      triggeredBy: 'test',
    })
    expect(record.tasks).toMatchObject([{ number: 1, name: 'hello', status: 'failure', code: 3 }])
    expect(JSON.parse(text('stdout'))).toEqual({
      status: 'failure',
      code: 3,
      stdout: 'out\n',
      stderr: 'err\n',
      truncated: false,
      startedAt: expect.stringMatching(/^\d{4}-.*Z$/) as string,
      endedAt: expect.stringMatching(/^\d{4}-.*Z$/) as string,
    })
    expect(text('stdout', 'hello')).toBe('out\n')
    expect(text('stderr', 'hello')).toBe('err\n')
    const shape = events.filter(({ type }) => type !== 'log').map(({ type, data }) => ({ type, data }))
    expect(shape as unknown[]).toEqual([
      { type: 'run', data: { status: 'queued' } },
      { type: 'run', data: { status: 'running' } },
      { type: 'task', data: { name: 'hello', number: 1, status: 'running' } },
      { type: 'task', data: { name: 'hello', number: 1, status: 'failure', code: 3 } },
      { type: 'run', data: { status: 'success' } },
      { type: 'exit', data: { code: 0, run_id: record.id } },
    ])
    expect(events.map(({ id }) => id)).toEqual(events.map((_, index) => index + 1))
  })

  test('a pipeline may be an ordinary function', async () => {
    const { record, text } = await fob.run(`export function pipeline(): void { console.warn('plain') }`)
    expect([record.status, text('stderr')]).toEqual(['success', 'plain\n'])
  })

  test('the script knows its context, and cannot change it', async () => {
    const source = pipeline(`
      try { pipelineContext.args.push('x') } catch {}
      console.log(JSON.stringify(pipelineContext))`)
    const { text, runId } = await fob.run(source, { args: ['a', 'b c'], task: 'do it' })
    expect(JSON.parse(text('stdout'))).toEqual({
      runID: runId,
      pipelineID: 'pip_1',
      pipeline: 'deploy',
      driver: 'native',
      triggeredBy: 'test',
      args: ['a', 'b c'],
      task: 'do it',
      tenant: 'acme',
    })
  })

  test('tasks run at once', async () => {
    const { text } = await fob.run(
      pipeline(`
        const task = (name, script) => runtime.run({ name, command: { path: 'sh', args: ['-c', script] } })
        const both = await Promise.all([task('a', ${meet('a', 'b')}), task('b', ${meet('b', 'a')})])
        console.log(both.map((one) => one.status).join())`),
    )
    expect(text('stdout')).toBe('success,success\n')
  })

  test('200 tasks started at once all run, 64 at a time', async () => {
    const { record, text } = await fob.run(
      pipeline(`
        const task = (_, n) => runtime.run({ name: 't' + n, command: { path: 'true' } })
        const all = await Promise.all(Array.from({ length: 200 }, task))
        console.log(all.filter((one) => one.status === 'success').length)`),
    )
    expect([record.status, text('stdout'), record.tasks.length]).toEqual(['success', '200\n', 200])
  })

  test('a task that ran out of time says so, and one that was closed with its sandbox does not', async () => {
    const sleep = `command: { path: 'sleep', args: ['60'] }`
    const { record, text, events } = await fob.run(
      pipeline(`
        const late = await runtime.run({ name: 'late', ${sleep}, timeout: '300ms' })
        const box = await runtime.startSandbox({ name: 'box' })
        const closed = box.exec({ name: 'closed', ${sleep}, timeout: '1h' })
        await box.exec({ command: { path: 'true' } })
        await box.close()
        console.log(late.status, (await closed).status)`),
    )
    expect([record.status, text('stdout')]).toEqual(['success', 'abort abort\n'])
    expect(text('stderr', 'late')).toBe('the task ran out of time: its timeout is 0.3 s\n')
    expect(text('stderr', 'closed')).toBe('')
    // Behind its end, a task would be taken for one that goes on.
    expect(events.filter(({ type }) => type === 'log' || type === 'task').slice(0, 3)).toMatchObject([
      { type: 'task', data: { name: 'late', status: 'running' } },
      { type: 'log', data: { task: 'late', stream: 'stderr' } },
      { type: 'task', data: { name: 'late', status: 'abort' } },
    ])
  })

  test('a task that nobody awaits is waited for', async () => {
    const { record } = await fob.run(pipeline(sh('sleep 0.2; exit 0').replace('await ', '')))
    expect([record.status, record.tasks[0]?.status]).toEqual(['success', 'success'])
  })

  test.each([
    [
      'an error, with its place in the source',
      `// a\ntype T = {\n  a: 1 }\nexport const pipeline = () => {\n  throw new TypeError('no good')\n}`,
      'deploy.ts:5:13: TypeError: no good',
    ],
    ['a thrown string', pipeline(`throw 'nope'`), 'deploy.ts: threw nope'],
    [
      'a rejected promise',
      pipeline(`await Promise.reject(new Error('later'))`),
      'deploy.ts:2:26: Error: later',
    ],
    [
      'a failed assertion',
      pipeline(`assert.equal(1, 2)`),
      'deploy.ts:2:8: AssertionError: expected 2, got 1',
    ],
    ['no pipeline', `export const other = 1`, 'deploy.ts: no function named pipeline is exported'],
    [
      'a pipeline that is no function',
      `export const pipeline = 1`,
      'deploy.ts:1:14: the export "pipeline" is not a function',
    ],
    [
      'one that shows only when it runs',
      `const other: number = 1\nexport const pipeline = [other]`,
      'deploy.ts:2:14: the export "pipeline" is not a function',
    ],
    [
      'one that is called so on its way out',
      `const text = \`\nconst pipeline = 1;\n\`\nexport { text as pipeline }`,
      'deploy.ts:4:18: the export "pipeline" is not a function',
    ],
    ['a syntax error', `export const pipeline = () => {\n  const x = ;\n}`, 'deploy.ts:2:13: Unexpected ;'],
    [
      'a wait for nothing',
      pipeline(`await new Promise(() => {})`),
      'deploy.ts: the script waits for something that can never happen: nothing is running',
    ],
    [
      'a misspelt field',
      pipeline(`await runtime.run({ name: 'x', command: { path: 'true', arg: ['a'] } })`),
      /runtime\.run: command\.arg is not known/,
    ],
    ['a missing field', pipeline(`await runtime.run({ name: 'x' })`), /runtime\.run: command is missing/],
    [
      'a duration that is none',
      pipeline(`await runtime.run({ name: 'x', command: { path: 'true' }, timeout: 'soon' })`),
      /runtime\.run: timeout is not a duration such as 500ms, 30s, 5m or 1h/,
    ],
    [
      'a wrong type',
      pipeline(`await runtime.run({ name: 'x', command: { path: 'true' }, env: { A: {} } })`),
      /runtime\.run: env\.A has the wrong type/,
    ],
    [
      'a variable that an object would swallow',
      pipeline(`await runtime.run({ name: 'x', command: { path: 'true' }, env: { constructor: 'x' } })`),
      /runtime\.run: env.*cannot be names/,
    ],
    [
      'a user, which native has not',
      pipeline(`await runtime.run({ name: 'x', command: { path: 'true', user: 'root' } })`),
      /the native driver has no command\.user/,
    ],
    [
      'limits, which native has not',
      pipeline(`await runtime.run({ name: 'x', command: { path: 'true' }, limits: { memory: '64m' } })`),
      /the native driver has no limits\.memory; that needs --driver docker/,
    ],
    [
      'absolute mounts, which native has not',
      pipeline(`await runtime.run({ name: 'x', command: { path: 'true' }, mounts: { '/data': 'v' } })`),
      /the native driver cannot mount at \/data/,
    ],
  ])('fails by %s, and says so', async (_, source, message) => {
    const { record, events } = await fob.run(source)
    expect(record.status).toBe('failed')
    if (typeof message === 'string') expect(record.message).toBe(message)
    else expect(record.message).toMatch(message)
    expect(events.at(-1)).toMatchObject({ type: 'exit', data: { code: 1, message: record.message } })
  })

  test('fails by its own error, also while tasks run and wait for their turn', async () => {
    const { record } = await fob.run(
      pipeline(`
        for (let i = 0; i < 80; i++) void runtime.run({ name: 't', command: { path: 'sleep', args: ['60'] } })
        await runtime.run({}).catch(() => {})
        throw new Error('own')`),
    )
    expect([record.status, record.message]).toEqual(['failed', 'deploy.ts:5:19: Error: own'])
    expect(record.tasks.every(({ status }) => status === 'abort')).toBe(true)
  })

  test('a wrong request can be caught by the script', async () => {
    const { record, text } = await fob.run(
      pipeline(`try { await runtime.run({}) } catch (e) { console.log(e.message) }`),
    )
    expect([record.status, text('stdout')]).toEqual([
      'success',
      expect.stringContaining('runtime.run:') as string,
    ])
  })

  test('the folder of a run goes with it', async () => {
    const source = pipeline(sh('mkdir -p deep/er; touch deep/er/file; chmod 500 deep/er deep; pwd'))
    const { runId, text } = await fob.run(source)
    expect(text('stdout', 'task')).toBe(`${join(fob.dataDir, 'runs', runId, '1')}\n`)
    expect(existsSync(join(fob.dataDir, 'runs', runId))).toBe(false)
  })

  test('an unknown driver is refused before anything is recorded', async () => {
    const before = await fob.runs.list(TENANT, { limit: 1 })
    const request = { id: 'p', name: 'n', filename: 'n.ts', source: '', driver: 'podman' }
    expect(await failure(fob.start('', { pipeline: request }))).toMatchObject({ code: 'usage' })
    expect(await fob.runs.list(TENANT, { limit: 1 })).toEqual(before)
  })
})

describe('output', () => {
  test('characters are never split over events, and bytes that are no UTF-8 are marked', async () => {
    const seen = join(fob.dataDir, 'first-piece-was-seen')
    const wait = `until [ -e ${seen} ]; do sleep 0.02; done`
    const runId = await fob.start(
      pipeline(
        sh(`printf '\\303'; sleep 0.1; printf '\\244\\360\\237'; ${wait}; printf '\\224\\221|\\377|'`),
      ),
    )
    for await (const event of fob.runs.events(TENANT, runId, 0, AbortSignal.timeout(30_000))) {
      if (event.type === 'log') writeFileSync(seen, '')
    }
    const { events, text } = await fob.ended(runId)
    expect(text('stdout', 'task')).toBe('ä🔑|\ufffd|')
    const pieces = events.flatMap((event) => (event.type === 'log' ? [event.data.data] : []))
    expect(pieces[0]).toBe('ä')
  })

  test('10 MiB of it reach the log whole, and the script gets the last MiB', async () => {
    const { record, text } = await fob.run(
      pipeline(`
        const { stdout, truncated } = ${sh('head -c 10485760 /dev/zero | tr "\\\\0" x; echo end')}
        console.log(stdout.length, stdout.endsWith('xend\\n'), truncated)`),
    )
    expect([record.status, record.message]).toEqual(['success', null])
    expect(text('stdout', 'task')).toHaveLength(10_485_764)
    expect(text('stdout')).toBe('1048576 true true\n')
  })

  test('console.log takes all kinds of values', async () => {
    const source = pipeline(
      `const o = { a: [1n] }; o.o = o; console.log('s', 1, null, undefined, o, Symbol('x'), '\\ud83d')`,
    )
    const { text } = await fob.run(source)
    expect(text('stdout').replaceAll(/\s+/g, ' ')).toBe(
      's 1 null undefined { "a": [ 1n ], "o": [seen above] } Symbol(x) \ufffd ',
    )
  })
})

describe('stop', () => {
  test('ends the tasks, politely first, and records the reason', async () => {
    const runId = await fob.start(
      pipeline(sh(`trap 'echo bye; exit 7' TERM; echo ready; while :; do sleep 0.05; done`)),
    )
    for await (const event of fob.runs.events(TENANT, runId, 0, NEVER)) if (event.type === 'log') break
    expect(await fob.runs.stop('ten_2', runId, 'not mine')).toBe(false)
    expect(await fob.runs.stop(TENANT, runId, 'enough')).toBe(true)
    const { record, text, events } = await fob.ended(runId)
    expect(record).toMatchObject({ status: 'stopped', message: 'enough' })
    expect(record.tasks).toMatchObject([{ status: 'abort', code: 7 }])
    expect(text('stdout', 'task')).toBe('ready\nbye\n')
    expect(events.at(-1)).toMatchObject({ type: 'exit', data: { code: 1, message: 'enough' } })
    expect(await fob.runs.stop(TENANT, runId, 'again')).toBe(false)
  })

  test('kills a task that does not listen', async () => {
    const runId = await fob.start(pipeline(sh(`trap '' TERM; echo ready; while :; do sleep 0.05; done`)))
    for await (const event of fob.runs.events(TENANT, runId, 0, NEVER)) if (event.type === 'log') break
    await fob.runs.stop(TENANT, runId, 'enough')
    const { record } = await fob.ended(runId)
    expect([record.status, record.tasks[0]?.status, record.tasks[0]?.code]).toEqual(['stopped', 'abort', 137])
  })

  test('ends a script that is busy with itself', async () => {
    const runId = await fob.start(pipeline(`console.log('spin'); for (;;);`))
    for await (const event of fob.runs.events(TENANT, runId, 0, NEVER)) if (event.type === 'log') break
    await fob.runs.stop(TENANT, runId, 'enough')
    expect((await fob.ended(runId)).record).toMatchObject({ status: 'stopped', message: 'enough' })
  })
})

test('a run of a pipeline that is removed before it is recorded does not begin', async () => {
  const { database, runs } = fob
  await addPipeline(database.db, 'removed')
  await database.db.delete(pipelines).where(eq(pipelines.id, 'removed'))
  const asked = { tenantId: TENANT, args: [], task: undefined, triggeredBy: 'test' }
  expect(await failure(runs.start({ ...asked, ...named('removed') }))).toMatchObject({
    code: 'not_found',
    message: 'the pipeline removed was removed',
  })
})

describe('shutting down', () => {
  test('leaves all runs to the next server, the queued ones too, and takes no more', async () => {
    const own = await openHarness({ runsAtOnce: 1 })
    const first = await own.start(pipeline(`${sh('echo ready; sleep 0.5')}; console.log('end')`))
    const second = await own.start(pipeline(`console.log('end')`))
    for await (const event of own.runs.events(TENANT, first, 0, NEVER)) if (event.type === 'log') break
    await addPipeline(own.database.db, 'p')
    // One that is just being recorded is left like the others.
    const atOnce = own.runs.start({
      tenantId: TENANT,
      pipeline: {
        id: 'p',
        name: 'p',
        filename: 'p.js',
        source: pipeline(`console.log('end')`),
        driver: 'native',
      },
      args: ['a'],
      task: undefined,
      triggeredBy: 'test',
    })
    await own.runs.close()
    const { runId: third } = await atOnce
    expect((await own.runs.get(TENANT, first))?.status).toBe('running')
    expect((await own.runs.get(TENANT, second))?.status).toBe('queued')
    expect(await failure(own.start(pipeline('')))).toMatchObject({ code: 'conflict' })
    own.database.close()

    await using next = await openHarness({ dataDir: own.dataDir })
    for (const id of [first, second, third]) {
      const { record, text } = await next.ended(id)
      expect([record.status, record.message, text('stdout')]).toEqual(['success', null, 'end\n'])
    }
  })
})

describe('list', () => {
  test('gives the newest first, by pages, of one tenant and one pipeline', async () => {
    await using own = await openHarness()
    const ids: string[] = []
    for (const name of ['a', 'b', 'a', 'a']) ids.push((await own.run('', named(name))).runId)
    const ofA = ids.filter((_, index) => index !== 1).toReversed()
    const first = await own.runs.list(TENANT, { pipelineName: 'a', limit: 2 })
    expect(first.items.map(({ id }) => id)).toEqual(ofA.slice(0, 2))
    const second = await own.runs.list(TENANT, { pipelineName: 'a', limit: 2, cursor: first.next ?? '' })
    expect([second.items.map(({ id }) => id), second.next]).toEqual([ofA.slice(2), null])
    expect((await own.runs.list('ten_2', { limit: 9 })).items).toEqual([])
    expect(await own.runs.get('ten_2', ids[0] ?? '')).toBeUndefined()
  })
})

describe('check', () => {
  test('passes what can run', async () => {
    await fob.runs.check(TENANT, pipeline('const x: number = 1'), 'deploy.ts')
  })

  test.each([
    {
      what: 'a syntax error, with its line and a caret under it',
      source: 'const pipeline = () => {\n\tconst x = ;\n}\nexport { pipeline }',
      filename: 'deploy.ts',
      message: 'deploy.ts:2:12: Unexpected ;',
      hint: '\tconst x = ;\n\t          ^',
    },
    {
      what: 'a file that stops in the middle',
      source: 'export const pipeline = async () => {',
      filename: 'a.js',
      message: 'a.js:1:37: Unexpected end of file',
    },
    {
      what: 'an import',
      source: `import fs from 'node:fs'\nexport const pipeline = () => fs`,
      filename: 'deploy.ts',
      message: 'deploy.ts:1:16: a pipeline cannot import "node:fs"',
    },
    {
      what: 'a script without a pipeline',
      source: 'export const x = 1',
      filename: 'deploy.ts',
      message: 'deploy.ts: no function named pipeline is exported',
      hint: 'end the file with: export { pipeline }',
    },
    {
      what: 'what only the VM finds',
      source: 'export const pipeline = 1; export { nope }',
      filename: 'a.js',
      message: /nope/,
    },
    {
      what: 'a script too deep to parse',
      source: '('.repeat(100_000),
      filename: 'deploy.ts',
      message: /Maximum call stack/,
    },
  ])('refuses $what', async ({ source, filename, message, hint }) => {
    const fault = await failure(fob.runs.check(TENANT, source, filename))
    expect(fault).toBeInstanceOf(Fault)
    if (!(fault instanceof Fault)) return
    expect(fault.code).toBe('usage')
    if (typeof message === 'string') expect(fault.message).toBe(message)
    else expect(fault.message).toMatch(message)
    if (hint !== undefined) expect(fault.hint).toBe(hint)
  })
})

/** Waits for another task of the run, which waits for this one. */
function meet(mine: string, theirs: string): string {
  const wait = `for i in $(seq 200); do [ -e ../${theirs} ] && exit 0; sleep 0.02; done`
  return JSON.stringify(`touch ../${mine}; ${wait}; exit 1`)
}

function named(name: string) {
  return {
    pipeline: {
      id: name,
      name,
      filename: 'x.js',
      source: 'export const pipeline = () => {}',
      driver: 'native',
    },
  }
}
