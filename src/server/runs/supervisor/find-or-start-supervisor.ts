/** Finds the supervisor of a data folder, or starts one: in a process of its own, or in this process. */
import { chmodSync, lstatSync, mkdirSync, rmSync } from 'node:fs'
import { connect as connectSocket } from 'node:net'
import { join } from 'node:path'
import * as v from 'valibot'
import { Fault } from '../../../contract/fault.ts'
import type { Clock } from '../../../platform/clock.ts'
import { openChannel } from './frame-channel.ts'
import { encodeJson, type Frame } from './frame-encoding.ts'
import type { processSettings } from './task-supervisor-main.ts'
import { controlMessage, type FromServer, type FromSupervisor } from './supervisor-protocol.ts'
import { NO_STRAYS } from './kill-stray-processes.ts'
import { createSupervisor } from './supervisor.ts'

/** A connection from the server to its supervisor. */
export interface ServerLink {
  send(message: FromServer): void
  /** Disconnects; a supervisor in a process of its own waits for the next server. */
  close(): void
}

interface LinkEvents {
  receive(message: FromSupervisor): void
  /** Called once, whichever end closed it. */
  closed(): void
}

export interface Supervision {
  /** Undefined when there is no supervisor. @throws Fault `config` for a socket that is not ours */
  find(events: LinkEvents): Promise<ServerLink | undefined>
  /** Starts a supervisor that `find` finds from then on. @throws Fault `failed` */
  start(): Promise<void>
}

/** How long a new process may take to be ready. */
const START_MS = 20_000

export interface ProcessOptions {
  /** Starts this program as the supervisor. */
  command: readonly string[]
  /** The folder of the socket, created with 0700 because others must not reach it. */
  folder: string
  version: string
  waitMs: number
}

/** A supervisor in a process of its own, which outlives this one. */
export function superviseApart({ command, folder, ...settings }: ProcessOptions): Supervision {
  const socket = join(folder, 'socket')

  async function find(events: LinkEvents): Promise<ServerLink | undefined> {
    if (!isOurs(folder, socket)) return undefined
    const connection = connectSocket(socket)
    const isThere = await new Promise<boolean>((resolve) => {
      connection.once('connect', () => resolve(true))
      connection.once('error', () => resolve(false))
    })
    if (!isThere) return undefined
    const channel = openChannel(connection, {
      take: (frame) => events.receive(parseFrame(frame)),
      closed: events.closed,
    })
    return { send: (message) => channel.send(encodeJson(message)), close: channel.drop }
  }

  async function start(): Promise<void> {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    chmodSync(folder, 0o700)
    // A socket that nobody serves: its owner was killed.
    rmSync(socket, { force: true })
    const child = Bun.spawn([...command], {
      stdin: 'pipe',
      stdout: 'pipe',
      stderr: 'ignore',
      env: {},
      cwd: '/',
      // A session of its own: a signal to the server's group, or the end of the terminal, does not reach it.
      detached: true,
    })
    const input: v.InferInput<typeof processSettings> = { socket, ...settings }
    await child.stdin.write(JSON.stringify(input))
    await child.stdin.end()
    const deadline = setTimeout(() => child.kill('SIGKILL'), START_MS)
    const reader = child.stdout.getReader()
    const { value } = await reader.read()
    clearTimeout(deadline)
    await reader.cancel()
    if (value === undefined) throw new Fault('failed', 'the process that runs tasks did not start')
    child.unref()
  }

  return { find, start }
}

/** A supervisor inside this process, whose tasks end with it: for systems that allow nothing better. */
export function superviseHere({ clock, version }: { clock: Clock; version: string }): Supervision {
  let supervisor: ReturnType<typeof createSupervisor> | undefined
  return {
    find: async (events) => {
      const connection = supervisor?.connect({ send: events.receive, close: events.closed })
      // No later server can reach it.
      const close = () => connection?.receive({ type: 'bye' })
      return connection && { send: connection.receive, close }
    },
    start: async () => {
      const onOver = () => (supervisor = undefined)
      supervisor = createSupervisor({ clock, version, strays: NO_STRAYS, waitMs: 0, onOver })
    },
  }
}

/** @throws Error for a frame that no supervisor sends */
function parseFrame(frame: Frame): FromSupervisor {
  return frame.kind === 'output' ? frame.message : v.parse(controlMessage, frame.value)
}

/** @throws Fault `config` when another user owns the folder or the socket, or could replace it. */
function isOurs(folder: string, socket: string): boolean {
  const [around, end] = [stat(folder), stat(socket)]
  if (!around || !end) return false
  const isPrivate = around.isDirectory() && (around.mode & 0o077) === 0
  const me = process.getuid?.()
  if (isPrivate && end.isSocket() && around.uid === me && end.uid === me) return true
  throw new Fault('config', `${folder} is not a private folder of this server's user`, {
    hint: 'remove it: the server creates it again',
  })
}

function stat(path: string) {
  return lstatSync(path, { throwIfNoEntry: false })
}
