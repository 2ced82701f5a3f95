/** The sandbox of scripts: its globals, clock and random numbers, host calls, protocol and error positions. */
import { describe, expect, test } from 'bun:test'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { SANDBOX_LIMITS } from '../../../../src/server/runs/sandbox/child-protocol.ts'
import {
  type SandboxProcess,
  startProcess,
} from '../../../../src/server/runs/sandbox/prestarted-child-processes.ts'
import { createPositions } from '../../../../src/server/runs/sandbox/source/map-positions-to-source.ts'
import { runScript } from '../../../../src/server/runs/sandbox/sandbox.ts'
import type { CallResponse, Outcome, ScriptHost } from '../../../../src/server/runs/sandbox/script-host.ts'
import { SANDBOX } from '../../../support/sandbox-command.ts'
import { temporaryFolder } from '../../../support/temporary.ts'
import { NEVER, pipeline } from '../run-harness.ts'

/** For what is about time; all else has the time that scripts of a server have, which no busy machine uses up. */
const SHORT = { cpuMs: 200 }
/** For what is about memory, which takes time to fill. */
const LITTLE = { memoryBytes: 16 * 1024 * 1024 }
const SEED = '0123456789abcdef0123456789abcdef'
const START = Date.UTC(2026, 0, 2, 3, 4, 5)
const CONTEXT = {
  runID: 'run_1',
  pipelineID: 'pip_1',
  pipeline: 'deploy',
  driver: 'native',
  triggeredBy: 'test',
  args: [],
  task: null,
  tenant: 'acme',
}

interface Ran {
  outcome: Outcome
  logged: string
  calls: unknown[]
  /** The processor time of the child and of its own children, from its start: other programs do not add to it. */
  cpuMs: number
}

async function runIn(
  source: string,
  more: {
    command?: string[]
    start?: () => SandboxProcess
    cpuMs?: number
    memoryBytes?: number
    residentBytes?: number
    startMs?: number
    overheadMs?: number
    filename?: string
    /** Calls stay without an answer until the run has ended. */
    isSilent?: boolean
    answerAfterMs?: number
    answer?: unknown
  } = {},
): Promise<Ran> {
  const { command = [...SANDBOX], start, filename = 'deploy.ts', isSilent = false, ...rest } = more
  const { answerAfterMs = 0, answer: value = { code: 0 }, ...given } = rest
  const limits = { ...SANDBOX_LIMITS, ...given }
  let logged = ''
  const calls: unknown[] = []
  const responseTo = (params: unknown): Pick<CallResponse, 'ok' | 'json'> => {
    if (params === 'refuse') return { ok: false, json: '{"message":"not that"}' }
    return { ok: true, json: JSON.stringify(value) }
  }
  const host: ScriptHost = {
    log: async (_, data) => void (logged += data),
    call: ({ json }, answer) => {
      const params: unknown = JSON.parse(json)
      calls.push(params)
      if (!isSilent)
        setTimeout(() => answer({ ...responseTo(params), now: START + calls.length * 1000 }), answerAfterMs)
    },
    drop: () => {},
    idle: () => {},
  }
  const child = start?.() ?? startProcess(command, limits)
  const options = { start: () => child, limits, signal: NEVER, onCrash: () => {} }
  const outcome = await runScript(
    options,
    { source, filename, context: CONTEXT, seed: SEED, now: START },
    host,
  )
  const cpuMs = Number(child.resourceUsage()?.cpuTime.total ?? NaN) / 1000
  return { outcome, logged, calls, cpuMs }
}

const messageOf = ({ outcome }: Ran) => (outcome.kind === 'failed' ? outcome.error.message : 'done')

/** The limits themselves allow 500 ms more; the rest is the start of the child, its compiling and its garbage. */
const MOST_CPU_MS = SHORT.cpuMs + 500 + 4000

describe('what a script may try', () => {
  const TIME = /more than 0\.2 s of processor time/
  test.each<[string, string, RegExp]>([
    ['an endless loop', `for (;;);`, TIME],
    [
      'an endless loop that catches all',
      `for (;;) { try { for (;;); } catch {} finally { continue } }`,
      TIME,
    ],
    ['an endless loop after an answer', `await runtime.run({}); for (;;);`, TIME],
    ['an endless chain of promises', `for (;;) await null`, TIME],
    ['a regular expression that explodes', `/(a+)+$/.test('a'.repeat(40) + 'b')`, TIME],
    ['throwing a trap', `throw { toString() { for (;;); }, toJSON() { for (;;); } }`, TIME],
    [
      'a million promises that beget promises',
      `const f = () => Promise.resolve().then(f).then(f); f(); await f()`,
      /processor time|out of memory/,
    ],
  ])('%s is ended by the limit of its time', async (_, body, reason) => {
    const ran = await runIn(pipeline(body), SHORT)
    expect(messageOf(ran)).toMatch(reason)
    expect(ran.cpuMs).toBeLessThan(MOST_CPU_MS)
  })

  test.each<[string, string, RegExp]>([
    ['memory that grows', `const a = []; for (;;) a.push('x'.repeat(1e6) + a.length)`, /out of memory/],
    ['one huge string', `let s = 'x'; for (;;) s += s`, /string too long|out of memory/],
    ['one huge array', `new Array(2e7).fill(1).map((x) => x + 1)`, /out of memory/],
    ['a typed array over the limit', `new Uint8Array(1e9).fill(1)`, /out of memory|too large|invalid/i],
  ])('%s is ended by the limit of its memory', async (_, body, reason) => {
    const ran = await runIn(pipeline(body), LITTLE)
    expect(messageOf(ran)).toMatch(reason)
    expect(ran.cpuMs).toBeLessThan(MOST_CPU_MS)
  })

  test.each<[string, string, RegExp]>([
    ['deep recursion', `const f = () => f() + 1; f()`, /Maximum call stack/],
    ['deep source for eval', `eval('('.repeat(1e5))`, /too deep|Maximum call stack|too large/i],
    ['deep JSON', `JSON.parse('['.repeat(1e6))`, /stack|memory|too deep/],
    ['throwing null', `throw null`, /threw null/],
    ['throwing a proxy', `throw new Proxy(new Error('x'), { get() { throw 1 } })`, /cannot be shown/],
    ['a huge error message', `throw new Error('x'.repeat(1e7))`, /^Error: x{8000}/],
    ['an import by expression', `await import('node:' + 'fs')`, /cannot import "node:fs"/],
    ['require', `require('node:fs')`, /require is not defined/],
    ['process', `process.exit(0)`, /process is not defined/],
    ['Bun', `Bun.spawn(['true'])`, /Bun is not defined/],
    ['XMLHttpRequest', `new XMLHttpRequest()`, /XMLHttpRequest is not defined/],
    [
      'the constructor of a host function',
      `console.log.constructor('return process')()`,
      /process is not defined/,
    ],
    ['a wait without end', `await new Promise(() => {})`, /can never happen/],
    [
      'a rejection that nobody handles',
      `Promise.reject(new Error('lost'))`,
      /unhandled rejection: Error: lost/,
    ],
  ])('%s ends the run in time, with a reason', async (_, body, reason) => {
    const ran = await runIn(pipeline(body))
    expect(messageOf(ran)).toMatch(reason)
    expect(ran.cpuMs).toBeLessThan(MOST_CPU_MS)
  })

  test('a million lines of console.log arrive in order, at the pace of the log', async () => {
    const source = pipeline(`for (let i = 0; i < 3000; i++) console.log(i); console.log('x'.repeat(3e6))`)
    const { outcome, logged } = await runIn(source)
    expect(outcome).toEqual({ kind: 'done' })
    expect(logged).toBe(`${Array.from({ length: 3000 }, (_, i) => `${i}\n`).join('')}${'x'.repeat(3e6)}\n`)
  })

  test('nothing of the server is in the world of a script', async () => {
    const { logged } = await runIn(
      pipeline(`console.log(Object.keys(globalThis).join())
      try { await import(pipelineContext.pipeline) } catch (error) { console.log(JSON.stringify(error.stack)) }`),
    )
    expect(logged).toBe(
      'console,assert,runtime,volumes,nativeResources,notify,storage,http,fetch,setTimeout,clearTimeout,' +
        'sleep,pipelineContext\n""\n',
    )
  })

  test('tampering with the built-in objects harms nobody but the script', async () => {
    const { outcome } = await runIn(`
      Array.prototype.join = Array.prototype.map = JSON.parse = JSON.stringify = null
      Map.prototype.get = () => { throw 1 }
      Promise.prototype.then = () => {}
      export const pipeline = () => { console.log(1) }`)
    expect(outcome.kind).toBe('failed')
  })

  test.each([
    [`import { m } from 'FILE' with { type: 'macro' }\nexport const pipeline = () => m()`],
    [`import * as m from 'FILE' with { type: 'macro' }\nexport const pipeline = () => m.m()`],
    [`import { m } from 'macro:FILE'\nexport const pipeline = () => m()`],
    [
      `import { m } from 'data:text/javascript,export const m = () => 1' with { type: 'macro' }\nexport const pipeline = () => m()`,
    ],
    [`import m from 'FILE'\nexport const pipeline = () => m`],
    [`export { m as pipeline } from 'FILE'`],
    [`export * from 'FILE'\nexport const pipeline = () => 1`],
    [`import m = require('FILE')\nexport const pipeline = () => m.m()`],
    [`export const pipeline = async () => (await import('FILE', { with: { type: 'macro' } })).m()`],
  ])('code of another file never runs: %s', async (source) => {
    const folder = temporaryFolder()
    const file = join(folder, 'evil.ts')
    const proof = join(folder, 'proof')
    writeFileSync(
      file,
      `import { writeFileSync } from 'node:fs'
      export function m() { writeFileSync(${JSON.stringify(proof)}, ''); return 1 }
      export default m`,
    )
    for (const filename of ['deploy.ts', 'deploy.js']) {
      const { outcome } = await runIn(source.replaceAll('FILE', file), { filename })
      expect([outcome.kind, existsSync(proof)]).toEqual(['failed', false])
    }
  })
})

describe('the world of a script', () => {
  const TELL = pipeline(`
    const tell = () => console.log(Date.now(), new Date().toISOString(), Math.random())
    tell(); tell(); await runtime.run('a'); tell(); volumes.create(); tell()
    console.log(new Date(0).toString(), typeof WeakRef)`)

  test('its clock stands still but for its answers, and its chance comes from its seed', async () => {
    const [one, other] = await Promise.all([runIn(TELL), runIn(TELL)])
    const lines = one.logged.split('\n').map((line) => line.split(' '))
    const [iso, later, latest] = [START, START + 1000, START + 2000].map((at) => new Date(at).toISOString())
    expect(lines.slice(0, 4).map((line) => line[1])).toEqual([iso, iso, later, latest])
    expect(new Set(lines.slice(0, 4).map((line) => line[2])).size).toBe(4)
    expect(lines[4]?.join(' ')).toBe('Thu Jan 01 1970 00:00:00 GMT+0000 undefined')
    expect(one.logged).toBe(other.logged)
  })

  test('chance is spread evenly and stays within 0 and 1', async () => {
    const { logged } = await runIn(
      pipeline(`
        const counts = Array(8).fill(0)
        for (let i = 0; i < 8000; i++) counts[Math.floor(Math.random() * 8)]++
        console.log(counts.length, counts.every((count) => count > 850 && count < 1150))`),
    )
    expect(logged).toBe('8 true\n')
  })

  test('a synchronous call stands before answers that came meanwhile, and those keep their order', async () => {
    const { logged } = await runIn(
      pipeline(`
        const later = [1, 2, 3].map((n) => runtime.run(n).then(() => console.log('async', n)))
        console.log('sync', volumes.create().name)
        await Promise.all(later)`),
      { answer: { name: 'v1' } },
    )
    expect(logged).toBe('sync v1\nasync 1\nasync 2\nasync 3\n')
  })

  test('a timer that was cleared is not waited for', async () => {
    const { outcome, logged } = await runIn(
      pipeline(`
        clearTimeout(setTimeout(() => console.log('never'), 1e9))
        setTimeout((...values) => console.log(...values), 1, 'a', 'b')
        await sleep(1)`),
    )
    expect([outcome.kind, logged]).toEqual(['done', 'a b\n'])
  })

  test('time that it stands still for an answer is not its own', async () => {
    const { outcome } = await runIn(pipeline(`for (let i = 0; i < 3; i++) volumes.create()`), {
      cpuMs: 1000,
      answerAfterMs: 500,
    })
    expect(outcome.kind).toBe('done')
  })

  test('what came over the network reads as a Response does', async () => {
    const bytes = Buffer.from([0xef, 0xbb, 0xbf, ...Buffer.from('{"a":"ü€😀"}'), 0xff, 0xe2, 0x82])
    const { logged } = await runIn(
      pipeline(`
        const response = await fetch('https://a.example', { headers: { A: 'b' } })
        console.log(response.ok, response.status, response.headers.get('content-type'), (await response.bytes()).length)
        console.log(await response.text())`),
      {
        answer: {
          status: 201,
          statusText: 'Created',
          headers: { 'Content-Type': 'text/plain' },
          body: bytes.toString('base64'),
          url: 'https://a.example',
        },
      },
    )
    expect(logged).toBe(`true 201 text/plain ${bytes.length}\n{"a":"ü€😀"}\ufffd\ufffd\ufffd\n`)
  })

  test('notifications keep their placeholders and are sent by name', async () => {
    const { calls, logged } = await runIn(
      pipeline(`
        notify.setConfigs({ ops: { type: 'slack', token: 'secret:SLACK' } })
        notify.setContext({ build: 1 })
        await notify.send({ name: 'ops', message: 'done' })
        await notify.sendMultiple(['ops'], 'twice')
        await notify.send({ name: 'dev', message: '' }).catch((error) => console.log(error.message))`),
    )
    const config = { type: 'slack', token: 'secret:SLACK' }
    expect(calls).toEqual([
      { config, name: 'ops', context: { build: 1 }, message: 'done', async: false },
      { config, name: 'ops', context: { build: 1 }, message: 'twice', async: false },
    ])
    expect(logged).toBe('notify.send: there is no config "dev"; set are: ops\n')
  })
})

test.each([
  [
    `{ a: { type: 'smoke' } }`,
    'notify.setConfigs: "a": there is no type "smoke"; there are: slack, teams, http',
  ],
  [
    `{ a: { type: 'http', uri: 'x' } }`,
    'notify.setConfigs: "a": http has no field "uri"; it has: url, method, headers',
  ],
  [
    `{ a: { type: 'constructor' } }`,
    'notify.setConfigs: "a": there is no type "constructor"; there are: slack, teams, http',
  ],
  [`{ a: 'slack' }`, 'notify.setConfigs: "a" is not an object'],
])('a config that nothing can be sent with is refused where it is set: %s', async (configs, message) => {
  const { logged } = await runIn(
    pipeline(`try { notify.setConfigs(${configs}) } catch (error) { console.log(error.message) }`),
  )
  expect(logged).toBe(`${message}\n`)
})

const noConfig = (name: string) => `Error: notify.send: there is no config "${name}"; set are: ops`

test('of several messages each one that was not sent is named, after the others were', async () => {
  const { logged, calls, outcome } = await runIn(
    pipeline(`
      notify.setConfigs({ ops: { type: 'teams', webhook: 'w' } })
      await notify.sendMultiple(['dev', 'ops', 'qa'], 'done')`),
  )
  expect(calls).toHaveLength(1)
  expect(outcome).toMatchObject({
    error: {
      message: `AggregateError: notify.sendMultiple: 2 were not sent [${noConfig('dev')}; ${noConfig('qa')}]`,
    },
  })
  expect(logged).toContain(`error: ${noConfig('qa')}`)
})

describe('calls', () => {
  test("a refusal reaches the script in the server's words", async () => {
    const { logged } = await runIn(
      pipeline(`for (const what of ['refuse', 'fine']) {
        try { console.log(JSON.stringify(await runtime.run(what))) } catch (error) { console.log(error.message) }
      }`),
    )
    expect(logged).toBe('not that\n{"code":0}\n')
  })

  test('3,000 calls with 10 KiB each, more than a pipe can hold, are all answered', async () => {
    const source = pipeline(`const all = []
      for (let i = 0; i < 3000; i++) all.push(runtime.run('x'.repeat(10240)))
      console.log((await Promise.all(all)).length)`)
    const { logged, calls } = await runIn(source)
    expect([logged, calls.length]).toEqual(['3000\n', 3000])
  })

  test('calls that pile up beyond 64 MiB end the run', async () => {
    const source = pipeline(`for (;;) runtime.run('x'.repeat(1e6))`)
    const ran = await runIn(source, { isSilent: true })
    expect(messageOf(ran)).toBe('the sandbox was stopped: it asks for too much at once')
  })

  test('a call of over 4 MiB ends the run', async () => {
    const ran = await runIn(pipeline(`await runtime.run('x'.repeat(5e6))`))
    expect(messageOf(ran)).toBe('the sandbox was stopped: a line of over 4194304 bytes')
  })
})

const child = (script: string) => ['/bin/sh', '-c', script]

describe('a child that does not keep to the protocol', () => {
  const READY = `echo '{"type":"ready"}'; read line;`
  test.each<[string, string, string]>([
    ['says nothing at all', 'sleep 60', 'the sandbox did not start in time'],
    ['spins before it has started', 'while :; do :; done', 'the sandbox did not start in time'],
  ])('%s is ended', async (_, script, message) => {
    // `sleep` would end by itself with another message.
    const ran = await runIn('', { command: child(script), startMs: 200 })
    expect(messageOf(ran)).toBe(message)
    expect(ran.cpuMs).toBeLessThan(MOST_CPU_MS)
  })

  test.each<[string, string]>([
    ['spins without a word', `${READY} while :; do :; done`],
    ['sleeps instead of working', `${READY} sleep 60`],
  ])('%s is ended by the limit of its time', async (_, script) => {
    const ran = await runIn('', { command: child(script), ...SHORT })
    expect(messageOf(ran)).toBe('the script used more than 0.2 s of processor time')
    expect(ran.cpuMs).toBeLessThan(MOST_CPU_MS)
  })

  test.each<[string, string, string]>([
    ['ends at once', 'exit 3', 'the sandbox ended unexpectedly'],
    ['says nonsense', 'echo hello', 'the sandbox was stopped: it sent what no sandbox sends'],
    [
      'sends an unknown message',
      `echo '{"type":"eval"}'`,
      'the sandbox was stopped: it sent what no sandbox sends',
    ],
    [
      'sends a wrong field',
      `echo '{"type":"log","stream":"stdin","data":""}'`,
      'the sandbox was stopped: it sent what no sandbox sends',
    ],
    [
      'claims answers it never had',
      `${READY} echo '{"type":"idle","handled":99}'`,
      'the sandbox was stopped: it sent what no sandbox sends',
    ],
    [
      'sends a line without end',
      `${READY} yes '' | tr '\\n' x`,
      'the sandbox was stopped: a line of over 4194304 bytes',
    ],
    [
      'cannot be written to, and has said why,',
      `exec <&-; echo '{"type":"ready"}'; echo '{"type":"failed","error":{"message":"no ears"}}'; sleep 60`,
      'no ears',
    ],
  ])('%s is ended', async (_, script, message) => {
    const ran = await runIn('', { command: child(script) })
    expect(messageOf(ran)).toBe(message)
    expect(ran.cpuMs).toBeLessThan(MOST_CPU_MS)
  })

  test.skipIf(process.platform !== 'linux')('claims to be idle and is not', async () => {
    const script = `${READY} echo '{"type":"idle","handled":1}'; while :; do :; done`
    const ran = await runIn('', { command: child(script), cpuMs: 100, overheadMs: 200 })
    expect(messageOf(ran)).toBe('the sandbox used too much processor time')
  })

  test.skipIf(process.platform !== 'linux')('takes more memory than it may', async () => {
    const ran = await runIn(pipeline(`for (;;);`), { residentBytes: 8 * 1024 * 1024 })
    expect(messageOf(ran)).toBe('the script used too much memory')
  })

  test('inherits no environment, not even the switches of Bun', async () => {
    process.env.BUN_OPTIONS = '--preload=/nowhere.ts'
    try {
      const script = `env >&2; ${READY} env | tr '\\n' ' ' | sed 's/.*/{"type":"failed","error":{"message":"&"}}/'`
      const message = messageOf(await runIn('', { command: child(script) }))
      expect(message).not.toMatch(/BUN|HOME|FOB|TOKEN/)
      expect(messageOf(await runIn(pipeline('')))).toBe('done')
    } finally {
      delete process.env.BUN_OPTIONS
    }
  })
})

describe('a place in stripped code is found in the source', () => {
  /** The place of `word` in the code is that of `there` in the source, where it is another one. */
  test.each<[string, string, string, string]>([
    ['the same text', 'a\nb', 'a\nb', '2:1'],
    ['types taken out before it', 'type T = 1\nfoo(b)', 'foo(b);', '2:5'],
    ['a word that stands in a comment too', '// b\nfoo(b)', 'foo(b);', '2:5'],
    ['and in a type', 'type T = { b: 1 }\nlet x: b\nfoo(b)', 'let x;\nfoo(b);', '3:5'],
    ['and behind an address', "go('http://b'), b()", 'go("http://b"), b();', '1:17'],
    ['behind a regular expression with a quote', "go(/'/), b()", "go(/'/), b();", '1:10'],
    ['behind a template', '`${a}//`, b()', '`${a}//`, b();', '1:11'],
    ['behind letters of several bytes', "go('日本é😀' as string), b()", 'go("日本é😀"), b();', '1:24'],
    ['a word that only the code has', 'foo()', 'foo(), b();', '1'],
    ['a line that only the code has', 'foo()', 'foo();\nb();', ''],
  ])('%s', (_, source, code, place) => {
    const at = code.lastIndexOf('b')
    const line = code.slice(0, at).split('\n').length
    const column = Buffer.byteLength(code.slice(code.lastIndexOf('\n', at) + 1, at)) + 1
    const found = createPositions({ source, code, filename: 'p.ts' }).inSource(line, column)
    expect(found ? [found.line, found.column].filter(Boolean).join(':') : '').toBe(place)
  })

  test('all words of a long script are, fast, and those of a hostile one cost no more', () => {
    const source = readFileSync(import.meta.path, 'utf8')
    const code = new Bun.Transpiler({ loader: 'ts', target: 'bun' }).transformSync(source)
    const { inSource } = createPositions({ source, code, filename: 'p.ts' })
    const lines = source.split('\n')
    let exact = 0
    let all = 0
    for (const [row, line] of code.split('\n').entries()) {
      for (const { 0: word, index } of line.matchAll(/[a-z]\w*/gi)) {
        all += 1
        const found = inSource(row + 1, Buffer.byteLength(line.slice(0, index)) + 1)
        if (found?.column === undefined) continue
        exact += 1
        expect(lines[found.line - 1]?.slice(found.column - 1)).toStartWith(word)
      }
    }
    expect(exact / all).toBeGreaterThan(0.9)
    const hostile = { source: 'a '.repeat(100_000), code: 'a '.repeat(99_999), filename: 'p.ts' }
    // Processor time: other programs on the machine do not count.
    const { user, system } = process.threadCpuUsage()
    expect(createPositions(hostile).inSource(1, 1)).toBeUndefined()
    const used = process.threadCpuUsage()
    expect((used.user + used.system - user - system) / 1000).toBeLessThan(10_000)
  })
})

test('a constant called pipeline that is not the one that goes out is no matter', async () => {
  const source = `const pipeline = 1\nconst main = () => console.log(pipeline)\nexport { main as pipeline }`
  expect((await runIn(source)).logged).toBe('1\n')
})

describe('what the engine does not know by itself', () => {
  test.each(['deploy.ts', 'deploy.js'])(
    'using and await using end what they hold, in %s',
    async (filename) => {
      const source = pipeline(`
      const held = (name) => ({ [Symbol.dispose]() { console.log('end of', name) } })
      await using a = { async [Symbol.asyncDispose]() { console.log('end of a') } }
      using b = held('b')
      for (using c of [held('c')]) console.log('within')`)
      expect((await runIn(source, { filename })).logged).toBe('within\nend of c\nend of b\nend of a\n')
    },
  )

  test.each([
    ['class A {\n  @d m() {}\n}', 'a pipeline cannot have decorators', '  @d m() {}', 3],
    [
      '/* @a */ class A {\n  accessor z = 9\n}',
      'a pipeline cannot have accessor fields',
      '  accessor z = 9',
      3,
    ],
  ])('%j is refused where it stands, with what to write instead', async (classes, message, text, column) => {
    for (const filename of ['deploy.ts', 'deploy.js']) {
      const { outcome } = await runIn(`${classes}\nexport const pipeline = () => {}`, { filename })
      expect(outcome).toEqual({
        kind: 'failed',
        error: { message, line: 2, column, text, hint: expect.any(String) as string },
      })
    }
  })
})

/** A child that is killed at the moment in which it is written to, so that the write fails first. */
function killedByWriting(): SandboxProcess {
  const child = startProcess(SANDBOX, SANDBOX_LIMITS)
  const write = () => {
    child.kill('SIGKILL')
    throw Object.assign(new Error('EPIPE: broken pipe, write'), { code: 'EPIPE' })
  }
  return new Proxy(child, {
    get: (target, name) => {
      if (name === 'stdin') return { write, flush: () => 0 }
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
}

test.skipIf(process.platform === 'win32')(
  'a child that something outside has killed is said to be, so that another can take its place',
  async () => {
    const { outcome } = await runIn(pipeline('console.log(1)'), { start: killedByWriting })
    expect(outcome).toEqual({ kind: 'killed' })
  },
)
