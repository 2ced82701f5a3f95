/**
 * The native driver: tasks as plain processes of this machine, each in its own folder and process group, with only the
 * declared environment. This separates honest pipelines. It is no protection against hostile ones: a task runs as the
 * user of the server and can read what that user can read.
 * A volume is a folder of the run, a mount is a symbolic link to it, and a sandbox is a folder that tasks share.
 * `image` is ignored, so that a pipeline for containers can be tried. `user`, `limits` and absolute mounts are refused,
 * because they would promise something that this driver does not enforce.
 * The processes belong to the supervisor, which keeps running when this server is killed.
 */
import { join, resolve } from 'node:path'
import { Fault } from '../../../contract/fault.ts'
import { VERSION } from '../../../platform/build-constants.ts'
import type { Clock } from '../../../platform/clock.ts'
import { Secret } from '../../../redact/secret.ts'
import { createClient } from '../supervisor/supervisor-client.ts'
import { superviseApart, superviseHere } from '../supervisor/find-or-start-supervisor.ts'
import { killRecorded } from '../supervisor/task-pid-files.ts'
import { copyFolder } from './copy-folder.ts'
import type {
  Driver,
  PlaceSpec,
  TaskEnd,
  TaskId,
  TaskSinks,
  TaskSpec,
  VolumePath,
} from './driver-interface.ts'
import { removeFolder } from './remove-folder.ts'
import {
  hasFolder,
  innerPath,
  linkVolumes,
  listFolders,
  makeFolder,
  readVolume,
  writeVolume,
} from './native-volume-folders.ts'

/** How long tasks keep running without a server. */
const WAIT_MS = 10 * 60_000

export interface NativeDriverOptions {
  dataDir: string
  clock: Clock
  /** Between TERM and KILL. */
  graceMs?: number
  /**
   * Starts this program as the supervisor of the tasks (`runTasksProcess`). Absent: tasks are children of this
   * process, and end with it.
   */
  command?: readonly string[] | undefined
  /** How long tasks keep running without a server, in milliseconds. */
  waitMs?: number | undefined
}

export function createNativeDriver(options: NativeDriverOptions): Driver {
  const { clock, graceMs = 10_000, waitMs = WAIT_MS, command } = options
  const dataDir = resolve(options.dataDir)
  // On Windows, named pipes are open to every user, and there is no other socket in the file system.
  const isApart = command !== undefined && process.platform !== 'win32'
  const supervision = isApart
    ? superviseApart({ command, folder: join(dataDir, 'tasks'), version: VERSION, waitMs })
    : superviseHere({ clock, version: VERSION })
  const client = createClient({ supervision, clock, version: VERSION })
  const runFolder = (runId: string) => join(dataDir, 'runs', runId)
  const taskHome = ({ runId, number }: TaskId) => join(runFolder(runId), String(number))
  const sandboxHome = ({ runId, number }: TaskId) => join(runFolder(runId), `sandbox-${number}`)
  const volumeFolder = (runId: string, volume: string) =>
    join(runFolder(runId), 'volumes', volumeName(volume))

  async function run(spec: TaskSpec, sinks: TaskSinks, signal: AbortSignal): Promise<TaskEnd | undefined> {
    if (signal.aborted) return { status: 'abort', code: 143 }
    const { runId, number, stdin, timeoutMs } = spec
    const sandbox = spec.sandbox === undefined ? undefined : { runId, number: spec.sandbox }
    const home = sandbox ? sandboxHome(sandbox) : taskHome(spec)
    const cwd = innerPath(home, spec.workDir ?? '.')
    if (cwd === undefined) {
      const text = `workDir ${spec.workDir} is outside the task's folder\n`
      await sinks.stderr(new TextEncoder().encode(text))
      return { status: 'error', code: 126 }
    }
    if (!sandbox) await furnish(home, spec)
    if (sandbox || cwd !== home) await makeFolder(cwd)
    const { path, args } = spec.command
    const supervised = {
      task: keyOf(spec),
      runFolder: runFolder(runId),
      number,
      home,
      cwd,
      path,
      args: [...args],
      env: reveal(spec.env),
      stdin,
      timeoutMs,
      graceMs,
      sandbox: sandbox && keyOf(sandbox),
    }
    const end = await client.run(supervised, sinks, signal)
    if (end) return end
    // Its sandbox is lost too, with the files that earlier tasks left there.
    if (sandbox) throw new Fault('failed', 'the process that ran the sandbox was killed')
    await clearAway(spec)
    return undefined
  }

  /** Removes a task whose supervisor has ended. */
  async function clearAway(task: TaskId): Promise<void> {
    await killRecorded(runFolder(task.runId), clock, task.number)
    await removeFolder(taskHome(task))
  }

  async function furnish(
    home: string,
    { runId, mounts }: Pick<PlaceSpec, 'runId' | 'mounts'>,
  ): Promise<void> {
    await makeFolder(home)
    const links = mounts.map(({ path, volume }) => ({ path, volume, folder: volumeFolder(runId, volume) }))
    await linkVolumes(home, links)
  }

  async function reattach(task: TaskId, sinks: TaskSinks, signal: AbortSignal): Promise<TaskEnd | undefined> {
    const end = await client.reattach(keyOf(task), sinks, signal)
    if (!end) await clearAway(task)
    return end
  }

  async function openSandbox(spec: PlaceSpec): Promise<void> {
    const home = sandboxHome(spec)
    await furnish(home, spec)
    await client.ask({ type: 'openSandbox', sandbox: keyOf(spec), home, env: reveal(spec.env) })
  }

  async function hasSandbox(sandbox: TaskId): Promise<boolean> {
    const isOpen = await client.askIfThere({ type: 'hasSandbox', sandbox: keyOf(sandbox) })
    return isOpen === true && (await hasFolder(sandboxHome(sandbox)))
  }

  async function closeSandbox(sandbox: TaskId): Promise<void> {
    await client.askIfThere({ type: 'closeSandbox', sandbox: keyOf(sandbox) })
    await removeFolder(sandboxHome(sandbox))
  }

  async function importFolder(to: VolumePath, folder: string, signal: AbortSignal): Promise<void> {
    const target = await writeVolume(volumeFolder(to.runId, to.volume), to)
    await copyFolder(folder, target, signal)
  }

  async function exportFolder(from: VolumePath, folder: string, signal: AbortSignal): Promise<void> {
    const source = await readVolume(volumeFolder(from.runId, from.volume), from)
    await copyFolder(source, folder, signal)
  }

  async function cleanUp(runId: string): Promise<void> {
    await client.askIfThere({ type: 'endRun', runId })
    await removeRun(runId)
  }

  async function removeRun(runId: string): Promise<void> {
    // Tasks of a supervisor that has ended.
    await killRecorded(runFolder(runId), clock)
    await removeFolder(runFolder(runId))
  }

  async function sweep(kept: ReadonlySet<string>): Promise<void> {
    await client.askIfThere({ type: 'endOthers', runIds: [...kept] })
    for (const runId of await listFolders(join(dataDir, 'runs'))) {
      if (!kept.has(runId)) await removeRun(runId)
    }
  }

  return {
    name: 'native',
    refuse,
    run,
    reattach,
    openSandbox,
    hasSandbox,
    closeSandbox,
    createVolume: async (runId, volume) => await makeFolder(volumeFolder(runId, volume)),
    importFolder,
    exportFolder,
    cleanUp,
    sweep,
    close: client.close,
  }
}

/** The limits by the names that scripts use. */
const LIMITS = [
  { key: 'memoryBytes', name: 'memory' },
  { key: 'cpus', name: 'cpus' },
  { key: 'processes', name: 'processes' },
] as const

function refuse({ command, mounts = [], limits = {} }: Parameters<Driver['refuse']>[0]): void {
  const limit = LIMITS.find(({ key }) => limits[key] !== undefined)
  const absolute = mounts.find(({ path }) => path.startsWith('/'))
  if (command?.user !== undefined) throw cannot('has no command.user')
  if (limit !== undefined) throw cannot(`has no limits.${limit.name}`)
  if (absolute) throw cannot(`cannot mount at ${absolute.path}`)
}

function cannot(what: string): Fault {
  return new Fault('failed', `the native driver ${what}; that needs --driver docker`)
}

function keyOf({ runId, number }: TaskId): string {
  return `${runId}/${number}`
}

/** @throws Fault `usage` for a name that cannot be the name of a folder. */
function volumeName(volume: string): string {
  if (/^[\w.-]+$/.test(volume) && volume !== '.' && volume !== '..') return volume
  throw new Fault('usage', `"${volume}" is not a name for a volume`)
}

function reveal(env: PlaceSpec['env']): Record<string, string> {
  const plain: Record<string, string> = {}
  for (const [name, value] of Object.entries(env)) {
    plain[name] = value instanceof Secret ? value.reveal() : value
  }
  return plain
}
