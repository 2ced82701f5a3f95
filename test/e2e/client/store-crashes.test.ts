/** Logins and logouts killed at random moments leave a whole credentials file with its private modes. */
import { describe, expect, test } from 'bun:test'
import { crashStorm } from '../../support/hostile/crash-storm.ts'

// `scripts/fuzz store` does the same 500 times.
describe('logins and logouts killed at random moments', () => {
  test('S44, S199: the file is always whole, modes are 0600 and 0700, and the next command tidies up', async () => {
    const seed = Date.now() % 1_000_000
    const { killed, problems } = await crashStorm(40, { parallel: 2, random: random(seed) })
    expect({ seed, problems }).toEqual({ seed, problems: [] })
    expect(killed).toBeGreaterThanOrEqual(40)
  }, 60_000)
})

/** Numbers from a seed (mulberry32), so that a failure can be told. */
function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}
