/** Errors of scripts: stacks with positions of the source, messages of failed runs, and the console. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { type Harness, openHarness } from '../run-harness.ts'

const CPU_MS = 3000
let fob: Harness
beforeAll(async () => void (fob = await openHarness({ limits: { cpuMs: CPU_MS } })))
afterAll(() => fob[Symbol.asyncDispose]())

const ended = async (source: string) => {
  const { record, text } = await fob.run(source)
  return { message: record.message, out: text('stdout'), err: text('stderr') }
}

/** Of which the types are taken out before it runs: lines and columns are others then. */
const DEPLOY = `interface Step {
  name: string
}
class DeployError extends Error {
  constructor(message: string) {
    super(message)
  }
}
class Refused extends DeployError {}

function deploy(step: Step): never {
  throw new Refused(step.name)
}
`

describe('a stack', () => {
  test('that a script reads or prints has the places of its source, and nothing of ours', async () => {
    const { out, err } = await ended(`${DEPLOY}
export const pipeline = async (): Promise<void> => {
  try { deploy({ name: 'web' }) } catch (error: any) { console.log(error.stack); console.error(error) }
  const target: { stack?: string } = {}
  Error.captureStackTrace(target)
  console.log(target.stack)
  await runtime.run({ name: 'x' } as any).catch((error: Error) => console.log(error.stack))
}`)
    const frames = '    at deploy (deploy.ts:12:21)\n    at pipeline (deploy.ts:16:9)\n'
    expect(out).toStartWith(`${frames}\n    at pipeline (deploy.ts:18:`)
    expect(err).toBe(`Error: web\n${frames}`)
    expect(out + err).not.toMatch(/fob|\b(run|call|start)\b \(/)
  })

  test('costs an error that nobody asks for it nothing, and those who ask pay with their time', async () => {
    const cheap = await ended(`export const pipeline = (): void => {
      for (let n: number = 0; n < 100_000; n++) new Error('x')
      console.log('made')
    }`)
    expect(cheap).toMatchObject({ message: null, out: 'made\n' })
    await using hurried = await openHarness({ limits: { cpuMs: 300 } })
    const dear = await hurried.run(`export const pipeline = (): void => { for (;;) new Error('x').stack }`)
    expect(dear.record.message).toMatch(/more than 0\.3 s of processor time/)
  }, 30_000)

  test('can be replaced and set as before, and tampering with it hides no place', async () => {
    const { message, out } = await ended(`export const pipeline = (): void => {
      const own = new Error('x')
      own.stack = 'mine'
      console.log(own.stack, String(new Proxy(own, {}).stack))
      Object.defineProperty(Error.prototype, 'stack', { get() { throw 1 } })
      throw own
    }`)
    expect([message, out]).toEqual(['deploy.ts:2:23: Error: x', 'mine mine\n'])
  })
})

describe('a run that fails', () => {
  test('names the place where the error was made, not where its class says super', async () => {
    const { message, err } = await ended(`${DEPLOY}export const pipeline = () => deploy({ name: 'web' })`)
    expect(message).toBe('deploy.ts:12:21: Error: web')
    expect(err).toBe('Error: web\n    at deploy (deploy.ts:12:21)\n    at pipeline (deploy.ts:14:31)\n')
  })

  test('reports an error without details once', async () => {
    expect(await ended(`export const pipeline = () => { throw new Error('x') }`)).toEqual({
      message: 'deploy.ts:1:43: Error: x',
      out: '',
      err: '',
    })
  })

  test('names what the error was made of, and what it says of itself', async () => {
    const { message, err } = await ended(`export const pipeline = async (): Promise<void> => {
  const cause = Object.assign(new TypeError('no route'), { code: 7 })
  const inner = await Promise.any([Promise.reject(new Error('one', { cause })), Promise.reject('two')])
    .catch((error: AggregateError) => error)
  throw inner
}`)
    expect(message).toBe('deploy.ts:5:9: AggregateError [Error: one; caused by TypeError: no route; two]')
    expect(err).toContain('error: Error: one\n      at pipeline (deploy.ts:3:55)\n')
    expect(err).toContain(
      'cause: TypeError: no route\n        at pipeline (deploy.ts:2:35) {\n      "code": 7\n    }\n',
    )
    expect(err).toContain('error: "two"\n')
  })

  test('says it within bounds', async () => {
    const { message, err } = await ended(`export const pipeline = () => {
      let error = new Error('x'.repeat(1e6))
      for (let n = 0; n < 1000; n++) error = new Error('deep', { cause: error })
      throw error
    }`)
    expect(message?.length).toBeLessThan(9000)
    expect(err.length).toBeLessThan(9000)
    expect(message).toMatch(/^deploy\.ts:3:\d+: Error: deep; caused by Error: deep/)
  })
})

describe('the console', () => {
  test.each<[string, string]>([
    [`'text'`, 'text'],
    [`'a', 1, -0.5, null, undefined, true, 7n, Symbol('s')`, 'a 1 -0.5 null undefined true 7n Symbol(s)'],
    [`{ a: [1, 'b', { c: null }], d: {}, e: [] }`, '{ "a": [ 1, "b", { "c": null } ], "d": {}, "e": [] }'],
    [`new Map([['a', { b: 1 }], [2, new Set()]])`, 'Map(2) { "a" => { "b": 1 }, 2 => Set(0) {} }'],
    [`[/x"y/gi, new Date(0), new Date(NaN)]`, '[ /x"y/gi, "1970-01-01T00:00:00.000Z", Invalid Date ]'],
    [
      `{ f() {}, u: undefined, n: NaN, b: 1n, [Symbol('k')]: 1 }`,
      '{ "f": [function f], "u": undefined, "n": NaN, "b": 1n, [Symbol(k)]: 1 }',
    ],
    [`new (class Box { a = 1; #b = 2 })()`, 'Box { "a": 1 }'],
    [`new Uint8Array([1, 2]), new ArrayBuffer(8)`, 'Uint8Array(2) [ 1, 2 ] ArrayBuffer(8)'],
    [
      `await Promise.allSettled([Promise.reject(new Error('no'))])`,
      '[ { "status": "rejected", "reason": Error: no at pipeline (deploy.ts:1:NN) } ]',
    ],
    [`{ toJSON: () => ({ a: 1 }) }`, '{ "a": 1 }'],
    [
      `(() => { const o = { a: {} }; o.a.o = o; return [o, o] })()`,
      '[ { "a": { "o": [seen above] } }, { "a": { "o": [seen above] } } ]',
    ],
    [`{ get a() { throw 1 } }`, '{ "a": [getter] }'],
    [`[new Proxy({}, { ownKeys() { throw 1 } })], 'on'`, '[ [cannot be shown] ] on'],
    [`new Proxy(new Map(), {})`, '[cannot be shown]'],
    [
      `Object.defineProperty(new Error('x'), 'a', { enumerable: true, get() { throw 1 } }), 'on'`,
      'Error: x at pipeline (deploy.ts:1:NN) { "a": [getter] } on',
    ],
    [`Object.create(Error.prototype, { name: { get() { throw 1 } } })`, '[cannot be shown]'],
    [`{ toJSON() { throw 1 } }, Object.create(null)`, '[cannot be shown] {}'],
  ])('shows %s', async (values, shown) => {
    const { message, out } = await ended(`export const pipeline = async () => { console.log(${values}) }`)
    const place = /deploy\.ts:1:\d+/g
    expect([message, out.replaceAll(/\s+/g, ' ').trim().replaceAll(place, 'deploy.ts:1:NN')]).toEqual([
      null,
      shown,
    ])
  })

  test('sets what JSON can say as JSON does', async () => {
    const value = { a: [1, 'ü"\n', { b: null, c: [] }], 'd e': { f: true, g: {} }, h: -1.5e300 }
    const { out } = await ended(`export const pipeline = () => console.log(${JSON.stringify(value)})`)
    expect(out).toBe(`${JSON.stringify(value, null, 2)}\n`)
  })

  test('ends with what has no end', async () => {
    const { message, out } = await ended(`export const pipeline = () => {
      const deep = {}; let at = deep
      for (let n = 0; n < 1e5; n++) at = at.a = {}
      console.log(deep)
      console.log(new Array(1e9))
      const shared = Array(20).fill(0).reduce((inner) => ({ a: inner, b: inner, c: inner }), {})
      console.log(shared, ['y'])
    }`)
    expect(message).toBeNull()
    expect(out.length).toBeLessThan(8 * 1024 * 1024)
    expect(out).toContain('[object]')
    expect(out).toContain('…')
  })

  test('has what others have', async () => {
    const { out, err } = await ended(`export const pipeline = async () => {
  console.time('t'); await sleep(1); console.timeEnd('t'); console.timeEnd('t')
  console.count(); console.count(); console.countReset(); console.count('a')
  console.group('G'); console.log('in\\nside'); console.groupEnd(); console.groupEnd(); console.log('out')
  console.assert(true, 'no'); console.assert(false, 'yes', [1]); console.dir({ a: 1 }, {}); console.trace('here')
  console.table([{ a: 1, b: 'x' }, { a: { deep: [] } }]); console.table(['v']); console.table(3)
}`)
    const clock = /^t: (\d+) ms\n/
    expect(out).toMatch(clock)
    expect(out.replace(clock, '')).toBe(
      [
        'default: 1\ndefault: 2\na: 1\nG\n  in\n  side\nout\n{\n  "a": 1\n}',
        '┌─────────┬──────────┬─────┐',
        '│ (index) │ a        │ b   │',
        '├─────────┼──────────┼─────┤',
        '│ 0       │ 1        │ "x" │',
        '│ 1       │ [object] │     │',
        '└─────────┴──────────┴─────┘',
        '┌─────────┬────────┐\n│ (index) │ Values │\n├─────────┼────────┤',
        '│ 0       │ "v"    │\n└─────────┴────────┘\n3\n',
      ].join('\n'),
    )
    expect(err).toStartWith(
      'there is no timer "t"\nAssertion failed yes [\n  1\n]\nTrace: here\n    at pipeline (deploy.ts:5:',
    )
  })
})
