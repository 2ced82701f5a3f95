/** `assert` of scripts against that of Node.js, and its failure messages. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import nodeAssert from 'node:assert'
import { type Harness, openHarness } from '../run-harness.ts'

let fob: Harness
beforeAll(async () => void (fob = await openHarness()))
afterAll(() => fob[Symbol.asyncDispose]())

/** Each is held to what node:assert says of it in its strict mode. */
const CLAIMS = [
  `assert(1)`,
  `assert('')`,
  `assert.ok(0)`,
  `assert.equal(1, '1')`,
  `assert.equal(NaN, NaN)`,
  `assert.strictEqual(0, -0)`,
  `assert.notEqual(1, 1)`,
  `assert.notStrictEqual(1, 2)`,
  `assert.deepEqual({ a: [1, { b: 2 }] }, { a: [1, { b: 2 }] })`,
  `assert.deepEqual({ a: 1 }, { a: 1, b: undefined })`,
  `assert.deepEqual({ a: undefined }, { b: undefined })`,
  `assert.deepEqual([1, 2], { 0: 1, 1: 2 })`,
  `assert.deepEqual([1, , 3], [1, undefined, 3])`,
  `assert.deepEqual([1, 2, 3], [1, 2])`,
  `assert.deepStrictEqual(new Date(0), new Date(1))`,
  `assert.deepStrictEqual(new Date(5), new Date(5))`,
  `assert.deepEqual(/a/g, /a/i)`,
  `assert.deepEqual(/a/g, /a/g)`,
  `assert.deepEqual(new Map([[1, { a: 1 }], [{ k: 1 }, 2]]), new Map([[{ k: 1 }, 2], [1, { a: 1 }]]))`,
  `assert.deepEqual(new Map([[1, 2]]), new Map([[1, 3]]))`,
  `assert.deepEqual(new Set([{ a: 1 }, 2]), new Set([2, { a: 1 }]))`,
  `assert.deepEqual(new Set([1, 2]), new Set([1, 3]))`,
  `assert.deepEqual(new Set([{ a: 1 }, { a: 1 }]), new Set([{ a: 1 }, { a: 2 }]))`,
  `assert.deepEqual(new Error('a'), new Error('b'))`,
  `assert.deepEqual(new Error('a', { cause: 1 }), new Error('a', { cause: 2 }))`,
  `assert.deepEqual(new Error('a'), new TypeError('a'))`,
  `assert.deepEqual(new Error('a'), new Error('a'))`,
  `assert.deepEqual(new Uint8Array([1, 2]), new Uint8Array([1, 3]))`,
  `assert.deepEqual(new Uint8Array([1]), new Int8Array([1]))`,
  `assert.deepEqual(new Uint8Array([1]).buffer, new Uint8Array([2]).buffer)`,
  `assert.deepEqual(Object(1), Object(2))`,
  `assert.deepEqual(Object.create(null), {})`,
  `assert.deepEqual({ [Symbol.iterator]: 1 }, { [Symbol.iterator]: 2 })`,
  `assert.deepEqual(new (class A {})(), new (class B {})())`,
  `const a = {}; a.a = a; const b = {}; b.a = b; assert.deepEqual(a, b)`,
  `const a = {}; a.a = a; const b = { a: {} }; assert.deepEqual(a, b)`,
  `assert.notDeepEqual({ a: 1 }, { a: 1 })`,
  `assert.notDeepStrictEqual({ a: 1 }, { a: '1' })`,
  `assert.match('abc', /b/)`,
  `assert.match('abc', /x/)`,
  `assert.match(7, /7/)`,
  `assert.match('abc', 'b')`,
  `assert.doesNotMatch('abc', /x/)`,
  `assert.doesNotMatch('abc', /b/)`,
  `assert.throws(() => {})`,
  `assert.throws(() => { throw new Error('x') })`,
  `assert.throws(() => { throw new Error('x') }, /y/)`,
  `assert.throws(() => { throw new Error('x') }, /^Error: x$/)`,
  `assert.throws(() => { throw new TypeError('x') }, TypeError)`,
  `assert.throws(() => { throw new Error('x') }, TypeError)`,
  `assert.throws(() => { throw new Error('x') }, (error) => error.message === 'x')`,
  `assert.throws(() => { throw new Error('x') }, () => false)`,
  `assert.throws(() => { throw Object.assign(new Error('x'), { code: 1 }) }, { message: /x/, code: 1 })`,
  `assert.throws(() => { throw new Error('x') }, { message: 'y' })`,
  `assert.throws(() => { throw new Error('x') }, new Error('x'))`,
  `assert.throws(() => { throw new Error('x') }, new Error('y'))`,
  `assert.throws(() => {}, 'told')`,
  `assert.throws(1)`,
  `assert.doesNotThrow(() => {})`,
  `assert.doesNotThrow(() => { throw new Error('x') })`,
  `await assert.rejects(Promise.reject(new Error('x')), /x/)`,
  `await assert.rejects(async () => { throw new Error('x') }, /y/)`,
  `await assert.rejects(Promise.resolve(1))`,
  `await assert.rejects(() => 1)`,
  `await assert.doesNotReject(async () => 1)`,
  `await assert.doesNotReject(Promise.reject(new Error('x')))`,
  `assert.ifError(null)`,
  `assert.ifError(0)`,
  `assert.fail()`,
  `assert.fail('told')`,
  `assert.strict.equal(1, 1)`,
  `assert.equal(1, 2, new RangeError('own'))`,
]

const VERDICT = `(error) => (error.name === 'AssertionError' ? 'refused' : error.name)`

test('what assert lets pass and what it does not is what node:assert says', async () => {
  const bodies = CLAIMS.map((claim) => `async () => { ${claim} }`).join(',\n')
  const source = `export const pipeline = async () => {
    const told = []
    for (const claim of [${bodies}]) told.push(await claim().then(() => 'passed', ${VERDICT}))
    console.log(told.join())
  }`
  const own = (await fob.run(source)).text('stdout').trim().split(',')
  const theirs: string[] = []
  for (const claim of CLAIMS) {
    // oxlint-disable-next-line typescript/no-implied-eval -- the claims above
    const run = new Function('assert', `return (async () => { ${claim} })().then(() => 'passed', ${VERDICT})`)
    theirs.push(await (run as (assert: unknown) => Promise<string>)(nodeAssert.strict))
  }
  const table = (verdicts: readonly string[]) => CLAIMS.map((claim, at) => `${verdicts[at]}: ${claim}`)
  expect(table(own)).toEqual(table(theirs))
})

test('an assertion that fails says what it found, and ends the run at its place', async () => {
  const { record } = await fob.run(`export const pipeline = () => {
  assert.equal('a', 'b')
}`)
  expect(record.message).toMatch(/^deploy\.ts:2:\d+: AssertionError: expected b, got a$/)
  const { text } = await fob.run(`export const pipeline = () => {
    try { assert.deepEqual([1], [2]) } catch (error) {
      console.log(error instanceof assert.AssertionError, error.code, error.actual, error.expected, error.message)
    }
  }`)
  expect(text('stdout').replaceAll(/\s+/g, ' ')).toBe(
    'true ERR_ASSERTION [ 1 ] [ 2 ] expected [ 2 ], got [ 1 ] ',
  )
})
