/** The supervisor process: its protocol, versions, waiting time, shutdown, and no secrets in its arguments. */
import { afterEach, describe, expect, test } from 'bun:test'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { systemClock } from '../../../../src/platform/clock.ts'
import { Secret } from '../../../../src/redact/secret.ts'
import { createNativeDriver } from '../../../../src/server/runs/drivers/native-driver.ts'
import { createClient } from '../../../../src/server/runs/supervisor/supervisor-client.ts'
import { superviseApart } from '../../../../src/server/runs/supervisor/find-or-start-supervisor.ts'
import { createFrames, encodeJson } from '../../../../src/server/runs/supervisor/frame-encoding.ts'
import type {
  FromServer,
  SupervisedSpec,
} from '../../../../src/server/runs/supervisor/supervisor-protocol.ts'
import { temporaryFolder } from '../../../support/temporary.ts'
import { collect, failure, isRunning, NEVER, plainSpec, until } from '../drivers/fixture.ts'

const COMMAND = [process.execPath, join(import.meta.dir, '../../../../src/main.ts'), '__tasks']
const VERSION = '1.0.0-test'

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close()
})

function supervise({ folder = join(temporaryFolder(), 'tasks'), version = VERSION, waitMs = 60_000 } = {}) {
  const supervision = superviseApart({ command: COMMAND, folder, version, waitMs })
  return { supervision, folder, socket: join(folder, 'socket') }
}

/** A server that says what it wants to, byte by byte if need be. */
async function speak(path: string) {
  const socket: Socket = connect(path)
  const cut = createFrames()
  const heard: unknown[] = []
  let isClosed = false
  socket.on('data', (chunk: Uint8Array) => {
    for (const frame of cut(chunk)) {
      heard.push(frame.kind === 'json' ? frame.value : Buffer.from(frame.message.bytes).toString())
    }
  })
  socket.on('error', () => {})
  socket.on('close', () => (isClosed = true))
  await new Promise<void>((resolve) => {
    socket.once('connect', () => resolve())
    socket.once('close', () => resolve())
  })
  closers.push(() => socket.destroy())
  return {
    say: (message: FromServer | Record<string, unknown>) => void socket.write(encodeJson(message)),
    raw: (bytes: Uint8Array) => void socket.write(bytes),
    die: () => socket.destroy(),
    heard,
    isClosed: () => isClosed,
  }
}

/** Whoever speaks another protocol ends it. */
async function endOf(path: string): Promise<void> {
  await until(async () => {
    if (!existsSync(path)) return true
    const last = await speak(path)
    last.say({ type: 'hello', protocol: 0 })
    await until(last.isClosed)
    return false
  })
}

function taskSpec(script: string, more: Partial<SupervisedSpec> = {}): SupervisedSpec {
  const home = temporaryFolder()
  const place = { runFolder: home, number: 1, home, cwd: home }
  return { task: 'run_1/1', ...place, path: 'sh', args: ['-c', script], env: {}, graceMs: 5000, ...more }
}

async function started(script: string, options: Parameters<typeof supervise>[0] = {}) {
  const { supervision, socket, folder } = supervise(options)
  await supervision.start()
  const server = await speak(socket)
  closers.push(async () => {
    server.die()
    await endOf(socket)
  })
  server.say({ type: 'hello', protocol: 1 })
  server.say({ type: 'ask', ask: 1, question: { type: 'start', spec: taskSpec(script) } })
  await until(() => server.heard.length >= 3)
  return { server, socket, folder }
}

describe.skipIf(process.platform === 'win32')('the process that runs the tasks', () => {
  test('says who it is, answers, and tells of output and end', async () => {
    const { server } = await started('echo hi; exit 3')
    await until(() => server.heard.length === 4)
    expect(server.heard).toEqual([
      { type: 'welcome', protocol: 1, version: VERSION, held: 0 },
      { type: 'answer', ask: 1, value: true },
      'hi\n',
      { type: 'ended', task: 'run_1/1', status: 'failure', code: 3 },
    ])
  })

  test('ends what it has, and itself, for a server that speaks another protocol', async () => {
    const { server, socket } = await started('echo $$; sleep 60')
    const pid = Number(server.heard[2])
    server.die()
    const next = await speak(socket)
    next.say({ type: 'hello', protocol: 2 })
    await until(() => !existsSync(socket) && next.isClosed())
    expect([isRunning(pid), next.heard]).toEqual([false, []])
  })

  test('serves nobody else while a server is there', async () => {
    const { server, socket } = await started('echo hi; sleep 0.5; echo there')
    const other = await speak(socket)
    other.say({ type: 'hello', protocol: 1 })
    await until(other.isClosed)
    expect(other.heard).toEqual([])
    await until(() => server.heard.includes('there\n'))
  })

  test.each<[string, (peer: Awaited<ReturnType<typeof speak>>) => void]>([
    ['bytes that are no frame', (peer) => peer.raw(new Uint8Array(100).fill(255))],
    ['a message that is none', (peer) => peer.say({ type: 'format-the-disk' })],
    ['a task without a command', (peer) => peer.say({ type: 'ask', ask: 1, question: { type: 'start' } })],
    ['an order before its name', (peer) => peer.say({ type: 'bye' })],
  ])('hangs up on %s, and keeps its tasks', async (_, act) => {
    const { server, socket } = await started('echo hi; while [ ! -e go ]; do sleep 0.05; done')
    server.die()
    let peer = await speak(socket)
    act(peer)
    await until(peer.isClosed)
    peer = await speak(socket)
    peer.say({ type: 'hello', protocol: 1 })
    await until(() => peer.heard.length > 0)
    expect(peer.heard).toMatchObject([{ type: 'welcome', held: 1 }])
  })

  test('waits as long as it was told, then ends its tasks politely, and itself', async () => {
    const file = join(temporaryFolder(), 'told')
    const script = `trap 'echo told > ${file}; exit' TERM; echo hi; while :; do sleep 0.02; done`
    const { server, socket } = await started(script, { waitMs: 700 })
    server.die()
    await systemClock.sleep(300)
    expect([existsSync(file), existsSync(socket)]).toEqual([false, true])
    await until(() => !existsSync(socket))
    expect(readFileSync(file, 'utf8')).toBe('told\n')
  })

  test('ends at once when the server is gone and there is nothing to wait for', async () => {
    const { supervision, socket } = supervise()
    await supervision.start()
    const server = await speak(socket)
    server.say({ type: 'hello', protocol: 1 })
    await until(() => server.heard.length === 1)
    server.die()
    await until(() => !existsSync(socket))
  })

  test('ends with all that it has when the server says goodbye', async () => {
    const { server, socket } = await started('echo $$; sleep 60')
    server.say({ type: 'bye' })
    await until(() => !existsSync(socket))
    expect(isRunning(Number(server.heard[2]))).toBe(false)
  })

  test('of an older version stays while it has tasks, and makes room when it has none', async () => {
    const folder = join(temporaryFolder(), 'tasks')
    const client = (version: string) =>
      createClient({ supervision: supervise({ folder, version }).supervision, clock: systemClock, version })
    const parentOf = async (version: string, number: number) => {
      const { sinks, text } = collect()
      const spec = taskSpec('echo $PPID', { task: `run_1/${number}`, number })
      const one = client(version)
      await one.run(spec, sinks, NEVER)
      const leave = async () => {
        await one.ask({ type: 'endRun', runId: 'run_1' })
        await one.close()
      }
      return { pid: Number(text().stdout), leave }
    }
    const { pid: old, leave: leaveFirst } = await parentOf('1', 1)
    await leaveFirst()
    await until(() => !isRunning(old))

    const { supervision, socket } = supervise({ folder, version: '1' })
    await supervision.start()
    const server = await speak(socket)
    server.say({ type: 'hello', protocol: 1 })
    const busy = taskSpec('echo $PPID; sleep 60', { task: 'run_1/2', number: 2 })
    server.say({ type: 'ask', ask: 1, question: { type: 'start', spec: busy } })
    await until(() => server.heard.length >= 3)
    server.die()
    const { pid: same, leave: leaveSecond } = await parentOf('2', 3)
    expect(same).toBe(Number(server.heard[2]))
    await leaveSecond()
    await until(() => !existsSync(socket))

    await supervision.start()
    const { pid: fresh, leave: leaveThird } = await parentOf('2', 4)
    expect([same, old]).not.toContain(fresh)
    await leaveThird()
    await until(() => !existsSync(socket))
  }, 30_000)
})

describe.skipIf(process.platform === 'win32')('a driver whose tasks run apart', () => {
  test('starts no process before the first task, and none to clean up', async () => {
    const { dataDir, driver } = open()
    await driver.createVolume('run_1', 'v')
    expect(await driver.reattach({ runId: 'run_1', number: 1 }, collect().sinks, NEVER)).toBeUndefined()
    expect(await driver.hasSandbox({ runId: 'run_1', number: 1 })).toBe(false)
    await driver.closeSandbox({ runId: 'run_1', number: 1 })
    await driver.cleanUp('run_1')
    await driver.sweep(new Set())
    await driver.close()
    expect(existsSync(join(dataDir, 'tasks'))).toBe(false)
  })

  test('keeps what a task is given, and what it says, out of arguments, environments and files', async () => {
    const { dataDir, driver } = open()
    await driver.openSandbox(
      { runId: 'run_1', number: 9, env: { TOKEN: new Secret('canary-place') }, mounts: [], limits: {} },
      NEVER,
    )
    const held = Promise.withResolvers<void>()
    const seen = Promise.withResolvers<number>()
    const stdout = async (chunk: Uint8Array) => {
      const [parent] = Buffer.from(chunk).toString().split(' ')
      seen.resolve(Number(parent))
      await held.promise
    }
    const script = 'echo $PPID $TOKEN; cat > /dev/null; sleep 0.3'
    const spec = {
      ...plainSpec({ image: undefined }, script),
      runId: 'run_1',
      stdin: 'canary-stdin',
      env: { TOKEN: new Secret('canary-env') },
    }
    const sinks = { stdout, stderr: async () => {}, stored: () => ({ stdout: 0, stderr: 0 }) }
    const running = driver.run(spec, sinks, NEVER)
    const pid = await seen.promise
    for (const file of ['cmdline', 'environ']) {
      expect(readFileSync(`/proc/${pid}/${file}`, 'latin1')).not.toContain('canary')
    }
    const files = readdirSync(dataDir, { recursive: true, encoding: 'utf8' }).map((name) =>
      join(dataDir, name),
    )
    const texts = files.filter((path) => statSync(path).isFile()).map((path) => readFileSync(path, 'latin1'))
    expect(texts.length).toBeGreaterThan(0)
    expect(texts.join('\n')).not.toContain('canary')
    expect(statSync(join(dataDir, 'tasks')).mode & 0o777).toBe(0o700)
    expect(statSync(join(dataDir, 'tasks', 'socket')).mode & 0o077).toBe(0)
    held.resolve()
    expect(await running).toMatchObject({ status: 'success' })
  })

  test('works in a folder whose path is longer than a socket may have', async () => {
    const dataDir = join(temporaryFolder(), 'x'.repeat(120), 'y'.repeat(60))
    mkdirSync(dataDir, { recursive: true })
    expect(await open(dataDir).run('echo far')).toMatchObject({ stdout: 'far\n' })
  })

  test.each<[string, (folder: string) => string]>([
    ['open to others', (folder) => (chmodSync(folder, 0o755), folder)],
    ['led to by a link', (folder) => (symlinkSync(folder, `${folder}-link`), `${folder}-link`)],
  ])('refuses a socket in a folder that is %s', async (_, spoil) => {
    const { supervision, folder, socket } = supervise()
    await supervision.start()
    closers.push(() => endOf(socket))
    const { supervision: spoilt } = supervise({ folder: spoil(folder) })
    const error = await failure(spoilt.find({ receive: () => {}, closed: () => {} }))
    expect(String(error)).toContain('is not a private folder')
  })

  test('clears away the task of one that was killed, and goes on with another', async () => {
    const { dataDir, driver, run } = open()
    const { sinks, text } = collect()
    const spec = { ...plainSpec({ image: undefined }, 'echo $PPID $$; sleep 60'), runId: 'run_2' }
    const running = driver.run(spec, sinks, NEVER)
    await until(() => text().stdout.endsWith('\n'))
    const [supervisor = 0, task = 0] = text().stdout.split(' ').map(Number)
    process.kill(supervisor, 'SIGKILL')
    expect(await running).toBeUndefined()
    expect(isRunning(task)).toBe(false)
    expect(existsSync(join(dataDir, 'runs', 'run_2', '1'))).toBe(false)
    expect(await run('echo again')).toMatchObject({ stdout: 'again\n' })
    await driver.cleanUp('run_2')
    expect(existsSync(join(dataDir, 'runs', 'run_2'))).toBe(false)
  })

  test('cannot go on with a sandbox of one that was killed, and says so', async () => {
    const { driver } = open()
    const { sinks, text } = collect()
    const place = { runId: 'run_3', number: 1, env: {}, mounts: [], limits: {} }
    await driver.openSandbox(place, NEVER)
    const spec = { ...plainSpec({ image: undefined }, 'echo $PPID; sleep 60'), runId: 'run_3', number: 2 }
    const running = failure(driver.run({ ...spec, sandbox: 1 }, sinks, NEVER))
    await until(() => text().stdout.endsWith('\n'))
    process.kill(Number(text().stdout), 'SIGKILL')
    expect(String(await running)).toContain('the process that ran the sandbox was killed')
    expect(await driver.hasSandbox(place)).toBe(false)
    await driver.cleanUp('run_3')
  })

  test('that is one of two with the same folder waits for its turn, and says so when that does not come', async () => {
    const { dataDir, run } = open()
    await run('true')
    const other = createNativeDriver({ dataDir, clock: systemClock, command: COMMAND })
    expect(String(await failure(other.cleanUp('run_9')))).toContain('is in use')
  }, 20_000)
})

function open(dataDir = temporaryFolder()) {
  const driver = createNativeDriver({ dataDir, clock: systemClock, graceMs: 300, command: COMMAND })
  closers.push(async () => {
    await driver.sweep(new Set())
    await driver.close()
  })
  let number = 0
  const run = async (script: string, env = {}) => {
    const { sinks, text } = collect()
    const spec = { ...plainSpec({ image: undefined }, script), runId: 'run_1', number: ++number, env }
    const end = await driver.run(spec, sinks, NEVER)
    return { ...end, ...text() }
  }
  return { dataDir, driver, run }
}
