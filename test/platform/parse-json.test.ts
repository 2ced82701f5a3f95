/** `parseJson`: values, texts that are not JSON, and revivers. */
import { expect, test } from 'bun:test'
import { parseJson } from '../../src/platform/parse-json.ts'

test.each([
  ['{"a":[1,null]}', { a: [1, null] }],
  [' "x" ', 'x'],
  ['null', null],
  ['', undefined],
  ['{', undefined],
  ['{"a":1} x', undefined],
  ["{'a':1}", undefined],
])('%j is %j', (text, value) => {
  expect(parseJson(text)).toEqual(value)
})

const upper = (_: string, value: unknown) => (typeof value === 'string' ? value.toUpperCase() : value)

test('a reviver sees every value', () => {
  expect(parseJson('{"a":["b"]}', upper)).toEqual({ a: ['B'] })
})
