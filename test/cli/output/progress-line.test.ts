/** The progress line of a run: counts, time, waiting runs, and its place below the output of tasks. */
import { describe, expect, test } from 'bun:test'
import { startProgress } from '../../../src/cli/output/progress-line.ts'
import { fakeDeps } from '../../support/client/fake-deps.ts'
import { manualClock } from '../../support/manual-clock.ts'

const ERASE = '\r\u001b[2K'

/** What a terminal that knows `ERASE` shows in the end. */
function shown(written: string): string {
  const lines = written.split('\n').map((line) => line.split(ERASE).at(-1))
  return lines.join('\n')
}

function start(options: { env?: Record<string, string>; terminal?: boolean; wanted?: boolean } = {}) {
  const deps = fakeDeps({ terminal: true, ...options })
  const clock = manualClock()
  deps.clock = clock
  const progress = startProgress(deps, options.wanted ?? true)
  const write = (text: string) => progress.around(text, (words) => deps.io.stderr.write(words))
  return { progress, write, screen: () => shown(deps.io.err()), raw: () => deps.io.err(), clock }
}

describe('the line that says how a run is going', () => {
  test('counts tasks and time, stays below what is written, and goes in the end', async () => {
    const { progress, write, screen, clock } = start()
    expect(screen()).toBe('0:00  tasks: 0 done, 0 running')
    progress.task('running')
    write('▶ build\n')
    expect(screen()).toBe('▶ build\n0:00  tasks: 0 done, 1 running')
    await clock.advance(65_000)
    expect(screen()).toBe('▶ build\n1:05  tasks: 0 done, 1 running')
    progress.task('running')
    progress.task('success')
    progress.task('failure')
    write('✗ test\n')
    expect(screen()).toBe('▶ build\n✗ test\n1:05  tasks: 1 done, 0 running, 1 failed')
    progress.end()
    expect(screen()).toBe('▶ build\n✗ test\n')
    await clock.advance(5000)
    expect(screen()).toBe('▶ build\n✗ test\n')
  })

  test('says that the run waits for its turn, until it has begun', async () => {
    const { progress, screen, clock } = start()
    progress.run('queued')
    await clock.advance(3000)
    expect(screen()).toBe('0:03  waiting for its turn')
    progress.run('running')
    await clock.advance(1000)
    expect(screen()).toBe('0:04  tasks: 0 done, 0 running')
  })

  test('waits while a line is not at its end', async () => {
    const { write, screen, clock } = start()
    write('50 %')
    expect(screen()).toBe('50 %')
    await clock.advance(3000)
    expect(screen()).toBe('50 %')
    write(' done\n')
    expect(screen()).toStartWith('50 % done\n0:03  tasks')
  })

  test.each([
    ['no terminal', { terminal: false }],
    ['CI', { env: { CI: 'true' } }],
    ['a terminal that knows nothing', { env: { TERM: 'dumb' } }],
    ['--silent and -o json', { wanted: false }],
  ])('is not there with %s', async (_name, options) => {
    const { progress, write, raw, clock } = start(options)
    progress.task('running')
    write('a')
    write('b\n')
    await clock.advance(5000)
    progress.end()
    expect(raw()).toBe('ab\n')
  })
})
