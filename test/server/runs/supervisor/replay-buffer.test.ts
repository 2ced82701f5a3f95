/** The replay buffer of a task's output: reading from any byte, backpressure and discarded output. */
import { describe, expect, test } from 'bun:test'
import {
  createReplayBuffer,
  type ReplayBuffer,
} from '../../../../src/server/runs/supervisor/replay-buffer.ts'

const bytes = (text: string) => new TextEncoder().encode(text)
const textFrom = (buffer: ReplayBuffer, offset: number) => {
  const found = buffer.from(offset)
  return found && Buffer.concat(found).toString()
}

describe('the buffered output of a task', () => {
  test('is given from any byte on, until that is stored', () => {
    const buffer = createReplayBuffer()
    for (const word of ['one ', 'two ', 'three']) buffer.add(bytes(word))
    expect([0, 2, 4, 12, 13].map((at) => textFrom(buffer, at))).toEqual([
      'one two three',
      'e two three',
      'two three',
      'e',
      '',
    ])
    buffer.taken(13, 5)
    expect([4, 5, 13].map((at) => textFrom(buffer, at))).toEqual([undefined, 'wo three', ''])
    buffer.add(bytes('!'))
    expect(textFrom(buffer, 5)).toBe('wo three!')
    buffer.taken(14, 14)
    expect([13, 14, 15].map((at) => textFrom(buffer, at))).toEqual([undefined, '', undefined])
  })

  test('is the same whatever the pieces, and wherever it was stored', () => {
    const all = Buffer.from(Array.from({ length: 200_000 }, (_, index) => index % 251))
    for (const size of [1, 1000, 16_384, 70_000]) {
      const buffer = createReplayBuffer({ untaken: 1e9, unstored: 1e9 })
      for (let at = 0; at < all.length; at += size) {
        buffer.add(all.subarray(at, at + size))
        const stored = Math.floor(Math.min(at + size, all.length) * 0.9)
        buffer.taken(stored, stored)
        const rest = buffer.from(stored)
        if (at % 10_000 > size && size === 1) continue
        expect(Buffer.concat(rest ?? []).equals(all.subarray(stored, at + size))).toBe(true)
      }
    }
  })

  test.each([NaN, -1, Infinity])('is not given from %p', (offset) => {
    const buffer = createReplayBuffer()
    buffer.add(bytes('x'))
    expect(buffer.from(offset)).toBeUndefined()
  })

  test('makes the task wait while nobody takes it, and no longer', async () => {
    const buffer = createReplayBuffer({ untaken: 10, unstored: 100 })
    buffer.add(bytes('x'.repeat(10)))
    await buffer.room()
    buffer.add(bytes('y'))
    let hasRoom = false
    const waiting = buffer.room().then(() => (hasRoom = true))
    await Promise.resolve()
    expect(hasRoom).toBe(false)
    buffer.taken(1, 0)
    await waiting
  })

  test('goes where a server takes all and stores nothing, so that the task need not wait for ever', async () => {
    const buffer = createReplayBuffer({ untaken: 10, unstored: 20 })
    for (let taken = 10; taken <= 100; taken += 10) {
      buffer.add(bytes('x'.repeat(10)))
      buffer.taken(taken, 0)
      await buffer.room()
    }
    expect([buffer.from(0), buffer.from(79), textFrom(buffer, 80)?.length]).toEqual([
      undefined,
      undefined,
      20,
    ])
  })
})
