/** TOML: a round trip that preserves unknown keys, and mistakes with their place. */
import { describe, expect, test } from 'bun:test'
import { formatToml, parseToml } from '../../../src/platform/files/toml.ts'

describe('TOML', () => {
  test('what was read is written again, unknown keys included', () => {
    const text = 'tenant = "acme"\nfuture = [1, 2]\n\n[servers."https://ci.example.com"]\ntenant = "other"\n'
    const parsed = parseToml(text)
    expect(parsed.ok && parseToml(formatToml(parsed.table))).toEqual(parsed)
  })

  test('a mistake is a place, not an exception', () => {
    expect(parseToml('a = 1\nb = = 2\n')).toEqual({ ok: false, line: 2, column: 5 })
  })
})
