/** Hostile scripts: exhausted memory and time, floods of calls, and attempts to escape the VM. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { until } from '../../../support/servers/json-client.ts'
import { type Harness, openHarness, pipeline } from '../run-harness.ts'

const CPU_MS = 400
/** A script gets no more of the server's own time than this in one go. */
const MOST_BLOCKED_MS = 1000

/** With a short limit, for what is about time, and with that of a server, for all else. */
let hurried: Harness
let fob: Harness
let others: number
beforeAll(async () => {
  others = process.platform === 'linux' ? sandboxes() : 0
  const memoryBytes = 32 * 1024 * 1024
  const maxLogBytes = 4 * 1024 * 1024
  hurried = await openHarness({
    limits: { cpuMs: CPU_MS, memoryBytes },
    maxLogBytes,
    holdsSpareSandbox: true,
  })
  fob = await openHarness({ limits: { memoryBytes }, maxLogBytes, holdsSpareSandbox: true })
})
afterAll(async () => {
  await hurried[Symbol.asyncDispose]()
  await fob[Symbol.asyncDispose]()
})

function processorMs(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1000
}

/** The most processor time between two turns of the event loop: other programs on the machine do not add to it. */
async function blockedDuring<T>(act: () => Promise<T>): Promise<{ blockedMs: number; value: T }> {
  let blockedMs = 0
  let last = processorMs()
  const timer = setInterval(() => {
    const now = processorMs()
    blockedMs = Math.max(blockedMs, now - last)
    last = now
  }, 10)
  try {
    return { value: await act(), blockedMs }
  } finally {
    clearInterval(timer)
  }
}

/** Processes of scripts, those of other files' servers too. */
function sandboxes(): number {
  return Bun.spawnSync(['pgrep', '-P', String(process.pid), '-f', 'sandbox-entry'])
    .stdout.toString()
    .split('\n')
    .filter(Boolean).length
}

const TIME = /more than 0\.4 s of processor time/
const MEMORY = /out of memory|too large|0\.4 s of processor time/

async function expectContained(harness: Harness, body: string, reason: RegExp): Promise<void> {
  const { value, blockedMs } = await blockedDuring(() => harness.run(pipeline(body)))
  expect([value.record.status, value.record.message]).toEqual([
    'failed',
    expect.stringMatching(reason) as string,
  ])
  expect(blockedMs).toBeLessThan(MOST_BLOCKED_MS)
}

describe('a hostile script', () => {
  test.each<[string, string, RegExp]>([
    ['an endless loop', `for (;;);`, TIME],
    ['an endless loop that prints', `for (;;) console.log('x'.repeat(1000))`, TIME],
    ['a regular expression that explodes', `/^(a+)+$/.test('a'.repeat(40) + 'b')`, TIME],
    ['memory that grows', `const all = []; for (;;) all.push('x'.repeat(1e5) + all.length)`, MEMORY],
    [
      'a million promises',
      `const all = []; for (let i = 0; i < 1e6; i++) all.push(new Promise(() => {}))`,
      MEMORY,
    ],
    [
      'a million tasks at once',
      `for (let i = 0; i < 1e6; i++) runtime.run({})`,
      /over 10000 calls wait|0\.4 s/,
    ],
    [
      'timers that begin timers',
      `const again = () => setTimeout(again, 0); again(); again(); await new Promise(() => {})`,
      /more than 100000 things|0\.4 s/,
    ],
    ['a string of 100 MiB', `console.log('x'.repeat(100 * 1024 * 1024))`, MEMORY],
    [
      'synchronous calls without end',
      `for (;;) volumes.create({ name: 'v' })`,
      /more than 100000 things|0\.4 s/,
    ],
  ])('%s is contained, and the server answers meanwhile', (_, body, reason) =>
    expectContained(hurried, body, reason),
  )

  test.each<[string, string, RegExp]>([
    [
      'timers by the million',
      `for (let i = 0; i < 1e6; i++) setTimeout(() => {}, 1e6)`,
      /over 10000 calls wait/,
    ],
    [
      'a synchronous call with megabytes',
      `volumes.create({ name: 'x'.repeat(5e6) })`,
      /the sandbox was stopped|out of memory/,
    ],
    ['deep recursion', `const deep = () => deep(); deep()`, /stack/i],
  ])('%s is contained, and the server answers meanwhile', (_, body, reason) =>
    expectContained(fob, body, reason),
  )

  test.each<[string, string]>([
    ['the constructor of a function', `return (() => {}).constructor('return process')()`],
    ['the constructor of a host function', `return console.log.constructor('return this.Bun')() ?? none()`],
    ['the constructor of an async function', `return await (async () => {}).constructor('return Bun')()`],
    ['eval', `return eval('process')`],
    ['indirect eval', `return (0, eval)('Bun')`],
    ['import', `return await import('node:fs')`],
    ['require', `return require('fs')`],
    [
      'the global object',
      `return globalThis.process ?? globalThis.Bun ?? globalThis.Deno ?? globalThis.require ?? none()`,
    ],
    [
      'an error of a call',
      `try { await runtime.run() } catch (e) { return e.constructor.constructor('return Bun')() }`,
    ],
    ['an answer', `const v = volumes.create(); return v.constructor.constructor('return process')()`],
    [
      'a proxy that is thrown',
      `throw new Proxy({}, { get() { throw new Proxy({}, { getPrototypeOf() { return Bun } }) } })`,
    ],
    [
      'the stack of an error',
      `Error.prepareStackTrace = (_, s) => s; const s = new Error().stack; return s[0].getThis().process.exit`,
    ],
  ])('%s leads nowhere', async (_, body) => {
    const { record, text } = await fob.run(
      pipeline(`const found = await (async () => { ${body} })(); console.log('FOUND', typeof found)`),
    )
    expect([record.status, text('stdout')]).toEqual(['failed', ''])
  })

  test.each<[string, string]>([
    [
      'Object',
      `Object.prototype.then = (resolve) => resolve(1); Object.prototype.image = 'evil'; Object.prototype.id = 1`,
    ],
    ['Array', `Array.prototype.push = Array.prototype.map = () => { throw 1 }`],
    ['Promise', `Promise.prototype.then = () => {}; globalThis.Promise = null`],
    ['JSON', `JSON.parse = JSON.stringify = () => '{"type":"done"}'`],
    [
      'Map',
      `Map.prototype.get = Map.prototype.set = Map.prototype.delete = () => ({ resolve() {}, reject() {} })`,
    ],
    [
      'a toJSON of its own',
      `String.prototype.toJSON = () => 'evil'; Object.prototype.toJSON = () => ({ name: 'evil' })`,
    ],
  ])('tampering with %s harms nobody but itself', async (_, body) => {
    const evil = fob.run(pipeline(`${body}; await runtime.run({ name: 'x', command: { path: 'true' } })`))
    const good = fob.run(
      pipeline(`console.log((await runtime.run({ name: 'x', command: { path: 'true' } })).status)`),
    )
    expect((await good).text('stdout')).toBe('success\n')
    expect(['success', 'failed']).toContain((await evil).record.status)
  })

  test.skipIf(process.platform !== 'linux')('leaves no memory and no process behind', async () => {
    await fob.run(pipeline(`console.log('warm')`))
    Bun.gc(true)
    const before = process.memoryUsage().rss
    for (let i = 0; i < 3; i++) {
      await Promise.all([
        hurried.run(pipeline(`const all = []; for (;;) all.push('x'.repeat(1e5) + all.length)`)),
        fob.run(pipeline(`for (let i = 0; i < 30; i++) console.log('x'.repeat(1e6))`)),
      ])
    }
    Bun.gc(true)
    expect(process.memoryUsage().rss - before).toBeLessThan(96 * 1024 * 1024)
    // Each server holds one ready for the next script; one that was killed may take a moment to be gone.
    const left = await until(
      async () => sandboxes(),
      (n) => n <= others + 2,
      20_000,
    )
    expect(left).toBeLessThanOrEqual(others + 2)
  })
})
