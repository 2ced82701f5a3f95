/**
 * Process IDs of running tasks on disk, for a server that starts after the supervisor was killed. A process is identified
 * by its ID, its start time and the boot of the machine, so that another process with the same ID is never killed.
 * Linux only: elsewhere the start time of a process is not available, so nothing is recorded and nothing is killed.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Clock } from '../../../platform/clock.ts'
import { killGroup } from '../signal-process-group.ts'

const SUFFIX = '.pid'
/** How long killed processes may take to end: the interval, and the number of checks. */
const STEP_MS = 20
const STEPS = 100

/** Records the process of task `number`, if it still runs. @returns the path of the file */
export function recordProcess(runFolder: string, number: number, pid: number): string {
  const path = join(runFolder, `${number}${SUFFIX}`)
  const identity = identify(pid)
  if (identity !== undefined) writeFileSync(path, `${pid} ${identity}\n`, { mode: 0o600 })
  return path
}

/**
 * Kills the process groups that are recorded in `runFolder`, or only that of one task, and waits until their leaders
 * have ended.
 */
export async function killRecorded(runFolder: string, clock: Clock, number?: number): Promise<void> {
  const left = readRecords(runFolder, number).filter(isRunning)
  for (const { pid } of left) killGroup(pid, 'SIGKILL')
  for (let step = 0; step < STEPS && left.some(isRunning); step++) await clock.sleep(STEP_MS)
}

interface ProcessRecord {
  pid: number
  identity: string
}

function isRunning({ pid, identity }: ProcessRecord): boolean {
  return identify(pid) === identity
}

function readRecords(runFolder: string, number: number | undefined): ProcessRecord[] {
  const names = number === undefined ? listFolder(runFolder) : [`${number}${SUFFIX}`]
  return names.flatMap((name) => {
    const match = /^(\d+) (\d+ [\da-f-]+)\n$/.exec(name.endsWith(SUFFIX) ? read(join(runFolder, name)) : '')
    const pid = Number(match?.[1])
    // 0 and 1 would address our own group or every process.
    return match?.[2] !== undefined && pid > 1 ? [{ pid, identity: match[2] }] : []
  })
}

/** proc(5): field 3 of `stat` is the state, field 22 the start in ticks since boot. Undefined for an ended process. */
function identify(pid: number): string | undefined {
  const stat = read(`/proc/${pid}/stat`)
  // The name, in parentheses, may itself hold spaces and parentheses: fields are counted from its end.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const [state, start] = [fields[0], fields[19]]
  if (start === undefined || state === 'Z' || state === 'X') return undefined
  return `${start} ${read('/proc/sys/kernel/random/boot_id').trim()}`
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

function listFolder(path: string): string[] {
  try {
    return readdirSync(path)
  } catch {
    return []
  }
}
