import { describe, expect, test } from 'bun:test'
import { createKept, type Kept } from '../../../../src/server/runs/supervisor/replay-buffer.ts'

const bytes = (text: string) => new TextEncoder().encode(text)
const textFrom = (kept: Kept, offset: number) => {
  const found = kept.from(offset)
  return found && Buffer.concat(found).toString()
}

describe('the output that is kept of a task', () => {
  test('is given from any byte on, until that is stored', () => {
    const kept = createKept()
    for (const word of ['one ', 'two ', 'three']) kept.add(bytes(word))
    expect([0, 2, 4, 12, 13].map((at) => textFrom(kept, at))).toEqual([
      'one two three',
      'e two three',
      'two three',
      'e',
      '',
    ])
    kept.taken(13, 5)
    expect([4, 5, 13].map((at) => textFrom(kept, at))).toEqual([undefined, 'wo three', ''])
    kept.add(bytes('!'))
    expect(textFrom(kept, 5)).toBe('wo three!')
    kept.taken(14, 14)
    expect([13, 14, 15].map((at) => textFrom(kept, at))).toEqual([undefined, '', undefined])
  })

  test('is the same whatever the pieces, and wherever it was stored', () => {
    const all = Buffer.from(Array.from({ length: 200_000 }, (_, index) => index % 251))
    for (const size of [1, 1000, 16_384, 70_000]) {
      const kept = createKept({ untaken: 1e9, unstored: 1e9 })
      for (let at = 0; at < all.length; at += size) {
        kept.add(all.subarray(at, at + size))
        const stored = Math.floor(Math.min(at + size, all.length) * 0.9)
        kept.taken(stored, stored)
        const rest = kept.from(stored)
        if (at % 10_000 > size && size === 1) continue
        expect(Buffer.concat(rest ?? []).equals(all.subarray(stored, at + size))).toBe(true)
      }
    }
  })

  test.each([NaN, -1, Infinity])('is not given from %p', (offset) => {
    const kept = createKept()
    kept.add(bytes('x'))
    expect(kept.from(offset)).toBeUndefined()
  })

  test('makes the task wait while nobody takes it, and no longer', async () => {
    const kept = createKept({ untaken: 10, unstored: 100 })
    kept.add(bytes('x'.repeat(10)))
    await kept.room()
    kept.add(bytes('y'))
    let hasRoom = false
    const waiting = kept.room().then(() => (hasRoom = true))
    await Promise.resolve()
    expect(hasRoom).toBe(false)
    kept.taken(1, 0)
    await waiting
  })

  test('goes where a server takes all and stores nothing, so that the task need not wait for ever', async () => {
    const kept = createKept({ untaken: 10, unstored: 20 })
    for (let taken = 10; taken <= 100; taken += 10) {
      kept.add(bytes('x'.repeat(10)))
      kept.taken(taken, 0)
      await kept.room()
    }
    expect([kept.from(0), kept.from(79), textFrom(kept, 80)?.length]).toEqual([undefined, undefined, 20])
  })
})
