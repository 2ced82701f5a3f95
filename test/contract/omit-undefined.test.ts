/** Objects without their undefined members: order, types and `__proto__`. */
import { expect, test } from 'bun:test'
import { present } from '../../src/contract/omit-undefined.ts'

test('members that are undefined are absent, and all others stay in their order', () => {
  const found = present({ a: 1, b: undefined, c: null, d: false, e: 0, f: '' })
  expect(Object.entries(found)).toEqual([
    ['a', 1],
    ['c', null],
    ['d', false],
    ['e', 0],
    ['f', ''],
  ])
})

interface Login {
  server: string
  tenant?: string
  readonly expiresAt?: number
}
const login = (tenant: string | undefined, expiresAt?: number): Login =>
  present({ server: 'https://ci.test', tenant, expiresAt })

test('the result fits a type whose optional members must not be undefined', () => {
  expect(login('acme', 5)).toEqual({ server: 'https://ci.test', tenant: 'acme', expiresAt: 5 })
  expect(Object.keys(login(undefined))).toEqual(['server'])
})

test('a member called __proto__ is a member like any other', () => {
  const found = present(JSON.parse('{"__proto__": 1, "a": 2}') as object)
  expect(Object.keys(found)).toEqual(['__proto__', 'a'])
  expect(Object.getPrototypeOf(found)).toBe(Object.prototype)
})
