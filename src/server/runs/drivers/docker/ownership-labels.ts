/** The names and labels that mark containers and volumes as those of this server, run and task. */
import { createHash, randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { readPrivateFile } from '../../../../platform/files/read-private-files.ts'
import { writePrivateFile } from '../../../../platform/files/write-private-files.ts'
import type { TaskId } from '../driver-interface.ts'

/**
 * Labels separate what this server creates on a daemon from everything else there, so that its own leftovers and no
 * others are removed. Names are for people, and prevent a task from being started twice.
 */
export const LABEL = {
  /** The ID of the data folder. */
  server: 'fob.server',
  run: 'fob.run',
  /** The number of the task, or of the sandbox. */
  task: 'fob.task',
  kind: 'fob.kind',
  /** The deadline of the task: milliseconds since 1970. */
  deadline: 'fob.deadline',
  /** The time limit of the task, in milliseconds. */
  timeout: 'fob.timeout',
  /** What the driver wrote on the task's stderr before it started, so that output is counted from there. */
  preface: 'fob.preface',
} as const

type Kind = 'task' | 'sandbox' | 'volume' | 'transfer'

/** Of one server. */
export interface Labels {
  of(kind: Kind, runId: string, number?: number): Record<string, string>
  /** The `filters` value that selects these labels. */
  filters(kind?: Kind, task?: { runId: string; number?: number }): string
  containerName(kind: Kind, task: TaskId): string
  volumeName(runId: string, volume: string): string
}

const ID_FILE = 'docker-id'

/** The ID of the data folder, created at its first use. */
export function serverId(dataDir: string): string {
  const known = knownServerId(dataDir)
  if (known !== undefined) return known
  const id = randomBytes(8).toString('hex')
  writePrivateFile(join(dataDir, ID_FILE), `${id}\n`, { ownFolder: false })
  return id
}

/** Undefined for a server that has never used a daemon. */
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
    // Hashed: the daemon does not limit names, but the file system below does.
    volumeName: (runId, volume) => `${prefix}-${runId}-${shorten(volume)}`,
  }
}

function shorten(name: string): string {
  if (name.length <= 64) return name
  return `${name.slice(0, 48)}-${createHash('sha256').update(name).digest('hex').slice(0, 15)}`
}
