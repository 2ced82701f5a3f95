import { expect, test } from 'bun:test'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { REFERENCE, renderReference, VARIABLES } from '../scripts/reference.ts'

test('docs/reference.md says what the program does (write it anew with scripts/reference.ts)', async () => {
  expect(readFileSync(REFERENCE, 'utf8')).toBe(await renderReference())
})

test('it names every variable of ours that the client reads, and no other', () => {
  const src = join(import.meta.dir, '../src')
  const texts = readdirSync(src, { recursive: true, encoding: 'utf8' })
    .filter(
      (name) => name.endsWith('.ts') && !/^server\/|^cli\/(?:administration|commands\/server)\//.test(name),
    )
    .map((name) => readFileSync(join(src, name), 'utf8'))
  const read = texts.flatMap((text) =>
    [...text.matchAll(/\benv(?:\.|, ')((?:FOB|CI)_[A-Z_]+)/g)].map((match) => match[1] ?? ''),
  )
  const named = Object.keys(VARIABLES).filter((name) => /^(?:FOB|CI)_/.test(name))
  expect(named.toSorted()).toEqual([...new Set(read)].toSorted())
})
