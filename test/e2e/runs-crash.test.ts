import { describe, expect, test } from 'bun:test'
import { runStorm } from '../support/run-storm.ts'

// `scripts/fuzz runs` does the same 100 times.
describe.skipIf(process.platform === 'win32')('a server that is killed amid runs', () => {
  test('each run ends, no task that was done is done again, no line is lost or doubled', async () => {
    const { kills, problems } = await runStorm(6, Math.random)
    expect(problems).toEqual([])
    expect(kills).toBe(6)
  }, 120_000)
})
