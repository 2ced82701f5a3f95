/** Secret values: they print nowhere, and their bytes are text only where they are UTF-8. */
import { expect, test } from 'bun:test'
import { inspect } from 'node:util'
import { Secret } from '../../src/redact/secret.ts'

test('a secret prints nowhere, text or not', () => {
  for (const secret of [new Secret('canary'), new Secret(Buffer.of(0xff, 0x41, 0x42))]) {
    for (const shown of [String(secret), JSON.stringify({ secret }), inspect(secret)]) {
      expect(shown).toContain('[secret]')
      expect(shown).not.toContain('canary')
    }
  }
})

test('bytes that are UTF-8 are text; a byte order mark stays', () => {
  const secret = new Secret(Buffer.from('\uFEFFtext'))
  expect([secret.isText, secret.reveal()]).toEqual([true, '\uFEFFtext'])
  expect(secret.bytes()).toEqual(Buffer.from('\uFEFFtext'))
})

test('other bytes are bytes, and are not had as text', () => {
  const source = Buffer.of(0, 0xff, 0xc3, 0x28)
  const secret = new Secret(source)
  source.fill(0)
  expect(secret.isText).toBe(false)
  expect(secret.bytes()).toEqual(Buffer.of(0, 0xff, 0xc3, 0x28))
  expect(() => secret.reveal()).toThrow('not text')
})
