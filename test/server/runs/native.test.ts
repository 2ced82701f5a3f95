import { describe, expect, test } from 'bun:test'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock } from '../../../src/platform/clock.ts'
import type { TaskEnd, TaskSpec } from '../../../src/server/runs/drivers/driver.ts'
import { createNativeDriver } from '../../../src/server/runs/drivers/native.ts'
import { temporaryFolder } from '../../support/temporary.ts'
import { failure, NEVER } from './harness.ts'

const dataDir = temporaryFolder()
const driver = createNativeDriver({ dataDir, clock: systemClock, graceMs: 200 })
let count = 0

interface Ran extends TaskEnd {
  stdout: string
  stderr: string
  folder: string
  ms: number
}

const stored = () => ({ stdout: 0, stderr: 0 })

async function run(command: string[] | string, more: Partial<TaskSpec> = {}, signal = NEVER): Promise<Ran> {
  count += 1
  const [path = '', ...args] = typeof command === 'string' ? ['sh', '-c', command] : command
  const spec = {
    runId: 'run_1',
    number: count,
    command: { path, args },
    env: {},
    mounts: [],
    limits: {},
    ...more,
  }
  const output = { stdout: '', stderr: '' }
  const started = performance.now()
  const end = await driver.run(
    spec,
    {
      stdout: async (chunk) => void (output.stdout += Buffer.from(chunk).toString()),
      stderr: async (chunk) => void (output.stderr += Buffer.from(chunk).toString()),
      stored,
    },
    signal,
  )
  const folder = join(dataDir, 'runs', 'run_1', String(count))
  return { ...end, ...output, folder, ms: performance.now() - started }
}

describe('a task on the native driver', () => {
  test.each<[string, string[] | string, Partial<TaskSpec>, Partial<Ran>]>([
    ['succeeds', ['true'], {}, { status: 'success', code: 0 }],
    ['fails with its code', 'exit 42', {}, { status: 'failure', code: 42 }],
    ['ends by a signal', 'kill -9 $$', {}, { status: 'failure', code: 137 }],
    ['takes arguments as they are', ['printf', '%s|', 'a b', '$HOME', ''], {}, { stdout: 'a b|$HOME||' }],
    ['takes stdin', ['cat'], { stdin: 'hällo' }, { stdout: 'hällo', status: 'success' }],
    ['may leave stdin unread', ['true'], { stdin: 'x'.repeat(1e6) }, { status: 'success' }],
    ['has an empty stdin otherwise', ['cat'], {}, { stdout: '', status: 'success' }],
    ['ignores the image', ['true'], { image: 'alpine' }, { status: 'success' }],
    [
      'is not there',
      ['no-such-program'],
      {},
      { status: 'error', code: 127, stderr: 'no-such-program: command not found\n' },
    ],
    [
      'is not there by path',
      ['./no/such'],
      {},
      { status: 'error', code: 127, stderr: './no/such: no such file\n' },
    ],
    [
      'is no program',
      ['/etc/passwd'],
      {},
      { status: 'error', code: 126, stderr: '/etc/passwd: permission denied\n' },
    ],
    ['is found by its own PATH only', ['ls'], { env: { PATH: '/nowhere' } }, { status: 'error', code: 127 }],
    ['knows its own name', ['sh', '-c', 'echo $0'], {}, { stdout: 'sh\n' }],
    [
      'works in a folder below its own',
      'pwd | grep -o "[^/]*/[^/]*$"',
      { workDir: 'a/b' },
      { stdout: 'a/b\n' },
    ],
    [
      'may not leave its folder',
      ['true'],
      { workDir: '../x' },
      { status: 'error', code: 126, stderr: "workDir ../x is outside the task's folder\n" },
    ],
    ['may not name another folder', ['true'], { workDir: '/tmp' }, { status: 'error', code: 126 }],
    ['may name a folder that only looks like leaving', ['true'], { workDir: '..x' }, { status: 'success' }],
    ['may declare its own HOME', 'echo $HOME', { env: { HOME: '/h' } }, { stdout: '/h\n' }],
  ])('%s', async (_, command, more, expected) => {
    expect(await run(command, more)).toMatchObject(expected)
  })

  test('has a folder of its own, closed to others, as HOME, TMPDIR and PWD', async () => {
    const { stdout, folder } = await run('echo $HOME:$TMPDIR:$PWD:$(pwd)')
    expect(stdout).toBe(`${[folder, folder, folder, folder].join(':')}\n`)
    expect(statSync(folder).mode & 0o777).toBe(0o700)
    expect(statSync(join(folder, '..')).mode & 0o777).toBe(0o700)
  })

  test('out of time, it is told so and then killed', async () => {
    const polite = await run(`trap 'echo bye; exit 3' TERM; while :; do sleep 0.02; done`, { timeoutMs: 150 })
    expect(polite).toMatchObject({ status: 'abort', code: 3, stdout: 'bye\n' })
    const deaf = await run(`trap '' TERM; while :; do sleep 0.02; done`, { timeoutMs: 100 })
    expect(deaf).toMatchObject({ status: 'abort', code: 137 })
    expect(deaf.ms).toBeGreaterThan(290)
  })

  test('stopped, it ends with all of its children', async () => {
    const controller = new AbortController()
    const pidFile = join(temporaryFolder(), 'pid')
    const running = run(`sleep 60 & echo $! > ${pidFile}; wait`, {}, controller.signal)
    await until(() => existsSync(pidFile) && readFileSync(pidFile, 'utf8') !== '')
    controller.abort()
    expect(await running).toMatchObject({ status: 'abort', code: 143 })
    await until(() => isGone(Number(readFileSync(pidFile, 'utf8'))))
  })

  test('children it leaves behind end with it, and do not hold its output open', async () => {
    const { stdout, status, ms } = await run('sleep 60 & echo $!')
    expect(status).toBe('success')
    expect(ms).toBeLessThan(2000)
    await until(() => isGone(Number(stdout)))
  })

  test('what left its group does not hold its output open either', async () => {
    const { stdout, ms } = await run('setsid sleep 5 & echo done')
    expect(stdout).toBe('done\n')
    expect(ms).toBeLessThan(3000)
  })

  test('a slow reader gets all of the output, and slows the task down', async () => {
    let bytes = 0
    count += 1
    const sink = async (chunk: Uint8Array) => {
      bytes += chunk.length
      if (bytes < 4_000_000) await systemClock.sleep(15)
    }
    const command = { path: 'sh', args: ['-c', 'head -c 8000000 /dev/zero'] }
    const spec = { runId: 'run_1', number: count, command, env: {}, mounts: [], limits: {} }
    const end = await driver.run(spec, { stdout: sink, stderr: sink, stored }, NEVER)
    expect([end.status, bytes]).toEqual(['success', 8_000_000])
  })

  test('output that cannot be kept ends the task, and the error is handed on', async () => {
    count += 1
    const spec = {
      runId: 'run_1',
      number: count,
      command: { path: 'yes', args: [] },
      env: {},
      mounts: [],
      limits: {},
    }
    expect(await failure(driver.run(spec, { stdout: full, stderr: full, stored }, NEVER))).toEqual(
      new Error('disk full'),
    )
  })

  test('one that was stopped before it began does not outlive that', async () => {
    const ended = await run('sleep 60', {}, AbortSignal.abort())
    expect([ended.status, ended.ms < 2000]).toEqual(['abort', true])
  })

  test('the folder of the run goes with all that was made in it', async () => {
    await run('mkdir -p a/b; touch a/b/c; ln -s /etc d; chmod 0 a/b; chmod 500 a')
    await driver.cleanUp('run_1')
    expect(existsSync(join(dataDir, 'runs', 'run_1'))).toBe(false)
    expect(existsSync('/etc/passwd')).toBe(true)
    await driver.cleanUp('run_that_never_was')
  })
})

async function until(holds: () => boolean): Promise<void> {
  const deadline = performance.now() + 5000
  while (!holds()) {
    if (performance.now() > deadline) throw new Error('did not happen in 5 s')
    await systemClock.sleep(10)
  }
}

function isGone(pid: number): boolean {
  try {
    process.kill(pid, 0)
  } catch {
    return true
  }
  // A child that nobody has waited for yet counts as gone.
  return /^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
}

async function full(): Promise<void> {
  throw new Error('disk full')
}
