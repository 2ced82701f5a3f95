/**
 * Tasks as plain processes of this machine, each in its own folder and process group, with no environment but
 * the declared one. This keeps honest pipelines apart. It is no wall against hostile ones: a task runs as the
 * server's user and can read what that user can.
 * `image` is ignored here, so that a pipeline for containers can be tried; `user`, `limits` and absolute mounts
 * would promise something that is not kept, and are refused.
 */
import { constants } from 'node:os'
import { dirname, isAbsolute, join, relative, resolve, sep } from 'node:path'
import { cp, mkdir, readdir, rm, stat, symlink } from 'node:fs/promises'
import { Fault } from '../../../contract/fault.ts'
import type { Clock } from '../../../platform/clock.ts'
import { Secret } from '../../../redact/secret.ts'
import { killGroup } from '../group.ts'
import { pump } from '../pump.ts'
import type { Driver, PlaceSpec, TaskEnd, TaskSinks, TaskSpec } from './driver.ts'
import { removeFolder } from './folder.ts'
import { killRecorded, recordProcess } from './pid-file.ts'

const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

export interface NativeDriverOptions {
  dataDir: string
  clock: Clock
  /** Between TERM and KILL. */
  graceMs?: number
}

/** What a task is started with. */
interface Prepared {
  program: string
  cwd: string
  env: Record<string, string>
}

export function createNativeDriver({ dataDir, clock, graceMs = 10_000 }: NativeDriverOptions): Driver {
  const runFolder = (runId: string) => resolve(dataDir, 'runs', runId)

  async function run(spec: TaskSpec, sinks: TaskSinks, signal: AbortSignal): Promise<TaskEnd> {
    const home = join(runFolder(spec.runId), String(spec.sandbox ?? spec.number))
    try {
      await mkdir(home, { recursive: true, mode: 0o700 })
      await mount(spec, home)
      return await start(spec, await prepare(spec, home), sinks, signal)
    } catch (error) {
      if (!(error instanceof CannotStart)) throw error
      await sinks.stderr(new TextEncoder().encode(`${error.message}\n`))
      return { status: 'error', code: error.code }
    }
  }

  async function start(
    spec: TaskSpec,
    { program, cwd, env }: Prepared,
    sinks: TaskSinks,
    signal: AbortSignal,
  ): Promise<TaskEnd> {
    const { path, args } = spec.command
    const child = spawn([program, ...args], {
      argv0: path,
      cwd,
      env,
      stdin: spec.stdin === undefined ? 'ignore' : new TextEncoder().encode(spec.stdin),
      stdout: 'pipe',
      stderr: 'pipe',
      // A session, so a process group, of its own: what ends it ends its children too.
      detached: true,
    })
    const pidFile = recordOrKill(runFolder(spec.runId), spec.number, child.pid)
    const ending = new AbortController()
    const end = () => ending.abort()
    const aborted = endGroup(child.pid, ending.signal, child.exited)
    const timer = spec.timeoutMs === undefined ? undefined : sleepUntil(spec.timeoutMs, end, child.exited)
    signal.addEventListener('abort', end, { once: true })
    if (signal.aborted) end()
    try {
      const pumps = [
        pump(child.stdout, sinks.stdout, child.exited),
        pump(child.stderr, sinks.stderr, child.exited),
      ]
      // Output that cannot be stored ends the task: nobody would see what it does.
      for (const one of pumps) one.catch(end)
      await child.exited
      killGroup(child.pid, 'SIGKILL')
      await Promise.all(pumps)
    } finally {
      signal.removeEventListener('abort', end)
      await Promise.all([aborted, timer])
      await rm(pidFile, { force: true })
    }
    const code = exitCode(child)
    if (ending.signal.aborted) return { status: 'abort', code }
    return { status: code === 0 ? 'success' : 'failure', code }
  }

  /** TERM when `signal` fires, KILL after the grace. Resolves when the process is gone. */
  async function endGroup(pid: number, signal: AbortSignal, exited: Promise<number>): Promise<void> {
    const fired = Promise.withResolvers<void>()
    signal.addEventListener('abort', () => fired.resolve(), { once: true })
    await Promise.race([fired.promise, exited])
    if (!signal.aborted) return
    killGroup(pid, 'SIGTERM')
    await sleepUntil(graceMs, () => killGroup(pid, 'SIGKILL'), exited)
  }

  /** Does `act` after `ms`, unless `before` comes first. */
  async function sleepUntil(ms: number, act: () => void, before: Promise<unknown>): Promise<void> {
    const controller = new AbortController()
    void before.then(() => controller.abort(new Error('over')))
    await clock.sleep(ms, controller.signal).then(act, () => {})
  }

  async function cleanUp(runId: string): Promise<void> {
    await killRecorded(runFolder(runId), clock)
    await removeFolder(runFolder(runId))
  }

  const volumeFolder = (runId: string, volume: string) => join(runFolder(runId), 'volumes', volume)

  /** Where the task looks for a volume stands a link to it. */
  async function mount({ runId, mounts }: PlaceSpec, home: string): Promise<void> {
    for (const { path, volume } of mounts) {
      const at = join(home, path)
      await mkdir(dirname(at), { recursive: true, mode: 0o700 })
      await symlink(volumeFolder(runId, volume), at)
    }
  }

  async function sweep(kept: ReadonlySet<string>): Promise<void> {
    const all = await readdir(resolve(dataDir, 'runs')).catch(() => [])
    for (const runId of all) if (!kept.has(runId)) await cleanUp(runId)
  }

  return {
    name: 'native',
    refuse,
    run,
    takeUp: async ({ runId }) => {
      await killRecorded(runFolder(runId), clock)
      return undefined
    },
    openSandbox: async (spec) => {
      const home = join(runFolder(spec.runId), String(spec.number))
      await mkdir(home, { recursive: true, mode: 0o700 })
      await mount(spec, home)
    },
    hasSandbox: ({ runId, number }) => isFolder(join(runFolder(runId), String(number))),
    closeSandbox: ({ runId, number }) => removeFolder(join(runFolder(runId), String(number))),
    createVolume: async (runId, volume) => {
      await mkdir(volumeFolder(runId, volume), { recursive: true, mode: 0o700 })
    },
    importFolder: async ({ runId, volume, path }, folder) =>
      await cp(folder, join(volumeFolder(runId, volume), path), { recursive: true }),
    exportFolder: async ({ runId, volume, path }, folder) =>
      await cp(join(volumeFolder(runId, volume), path), folder, { recursive: true }),
    cleanUp,
    sweep,
    close: async () => {},
  }
}

async function isFolder(path: string): Promise<boolean> {
  return await stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  )
}

/** Why a task did not begin, in words for its log. */
class CannotStart extends Error {
  readonly code: number

  constructor(code: number, message: string) {
    super(message)
    this.code = code
  }
}

function refuse({ command, mounts = [], limits = {} }: Partial<Omit<TaskSpec, 'env'>>): void {
  const asked = { 'command.user': command?.user, ...limits }
  for (const [name, value] of Object.entries(asked)) {
    if (value !== undefined) throw new Fault('failed', `the native driver has no ${name}`)
  }
  const absolute = mounts.find(({ path }) => isAbsolute(path))
  if (absolute) throw new Fault('failed', `the native driver cannot mount at ${absolute.path}`)
}

/** A task that the next server could not find is not let run. */
function recordOrKill(folder: string, number: number, pid: number): string {
  try {
    return recordProcess(folder, number, pid)
  } catch (error) {
    killGroup(pid, 'SIGKILL')
    throw error
  }
}

async function prepare(spec: TaskSpec, home: string): Promise<Prepared> {
  const cwd = resolve(home, spec.workDir ?? '.')
  const inside = relative(home, cwd)
  if (inside === '..' || inside.startsWith(`..${sep}`) || isAbsolute(inside)) {
    throw new CannotStart(126, `workDir ${spec.workDir} is outside the task's folder`)
  }
  await mkdir(home, { recursive: true, mode: 0o700 })
  await mkdir(cwd, { recursive: true, mode: 0o700 })
  const env: Record<string, string> = { PATH: DEFAULT_PATH, HOME: home, TMPDIR: home, PWD: cwd }
  const { path } = spec.command
  const search = spec.env.PATH
  const program = findProgram(
    path,
    cwd,
    search instanceof Secret ? search.reveal() : (search ?? DEFAULT_PATH),
  )
  for (const [name, value] of Object.entries(spec.env)) {
    env[name] = value instanceof Secret ? value.reveal() : value
  }
  return { program, cwd, env }
}

function findProgram(path: string, cwd: string, search: string): string {
  if (path.includes('/')) return resolve(cwd, path)
  const found = Bun.which(path, { PATH: search, cwd })
  if (found === null) throw new CannotStart(127, `${path}: command not found`)
  return found
}

type SpawnOptions = Bun.SpawnOptions.OptionsObject<'ignore' | Uint8Array<ArrayBuffer>, 'pipe', 'pipe'>

function spawn(command: string[], options: SpawnOptions) {
  try {
    return Bun.spawn(command, options)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    const name = options.argv0 ?? ''
    if (code === 'ENOENT' || code === 'ENOTDIR') throw new CannotStart(127, `${name}: no such file`)
    if (code === 'EACCES') throw new CannotStart(126, `${name}: permission denied`)
    if (code === 'E2BIG') throw new CannotStart(126, `${name}: arguments and environment are too long`)
    if (code === 'ENOEXEC') throw new CannotStart(126, `${name}: not a program`)
    throw new CannotStart(126, `${name}: cannot be started`)
  }
}

function exitCode(child: Pick<Bun.Subprocess, 'exitCode' | 'signalCode'>): number {
  const signal = child.signalCode
  if (typeof signal === 'string') return 128 + constants.signals[signal]
  return child.exitCode ?? 128 + (signal ?? 0)
}
