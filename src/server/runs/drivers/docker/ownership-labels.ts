import { createHash, randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { readPrivateFile, writePrivateFile } from '../../../../platform/files/private-files.ts'
import type { TaskId } from '../driver.ts'

/**
 * How what we make on a daemon is told apart from all else there: by label, so that leftovers of this server, and
 * of no other, are found. Names are for people, and keep a task from being started twice.
 */
export const LABEL = {
  /** The ID of the data folder. */
  server: 'fob.server',
  run: 'fob.run',
  /** The number of the task, or of the sandbox. */
  task: 'fob.task',
  kind: 'fob.kind',
  /** When the task's time is up: milliseconds since 1970. */
  deadline: 'fob.deadline',
  /** How long the task may take, in milliseconds. */
  timeout: 'fob.timeout',
  /** What was written on the task's stderr before it began, so that its output can be counted from there. */
  preface: 'fob.preface',
} as const

export type Kind = 'task' | 'sandbox' | 'volume' | 'transfer'

/** Of one server. */
export interface Labels {
  of(kind: Kind, runId: string, number?: number): Record<string, string>
  /** The value of `filters` that finds what has these labels. */
  filters(kind?: Kind, task?: { runId: string; number?: number }): string
  containerName(kind: Kind, task: TaskId): string
  volumeName(runId: string, volume: string): string
}

const ID_FILE = 'docker-id'

/** The ID of the data folder, made when it is first asked for. */
export function serverId(dataDir: string): string {
  const known = knownServerId(dataDir)
  if (known !== undefined) return known
  const id = randomBytes(8).toString('hex')
  writePrivateFile(join(dataDir, ID_FILE), `${id}\n`, { ownFolder: false })
  return id
}

/** Undefined for a server that has never used an daemon. */
export function knownServerId(dataDir: string): string | undefined {
  return /^([0-9a-f]{16})\n$/.exec(readPrivateFile(join(dataDir, ID_FILE)) ?? '')?.[1]
}

export function createLabels(server: string): Labels {
  const of = (kind: Kind | undefined, runId: string | undefined, number: number | undefined) => ({
    [LABEL.server]: server,
    ...(kind === undefined ? {} : { [LABEL.kind]: kind }),
    ...(runId === undefined ? {} : { [LABEL.run]: runId }),
    ...(number === undefined ? {} : { [LABEL.task]: String(number) }),
  })
  const prefix = `fob-${server.slice(0, 8)}`
  return {
    of,
    filters: (kind, task) => {
      const labels = Object.entries(of(kind, task?.runId, task?.number))
      return JSON.stringify({ label: labels.map(([name, value]) => `${name}=${value}`) })
    },
    containerName: (kind, { runId, number }) => `${prefix}-${runId}-${kind}-${number}`,
    // Hashed too: the daemon's names have no upper limit, but the file system below has.
    volumeName: (runId, volume) => `${prefix}-${runId}-${shorten(volume)}`,
  }
}

function shorten(name: string): string {
  if (name.length <= 64) return name
  return `${name.slice(0, 48)}-${createHash('sha256').update(name).digest('hex').slice(0, 15)}`
}
