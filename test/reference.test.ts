import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { REFERENCE, renderReference } from '../scripts/reference.ts'

test('docs/reference.md says what the program does (write it anew with scripts/reference.ts)', async () => {
  expect(readFileSync(REFERENCE, 'utf8')).toBe(await renderReference())
})
