import { chmodSync, lstatSync, mkdirSync, rmSync } from 'node:fs'
import { connect as connectSocket } from 'node:net'
import { join } from 'node:path'
import * as v from 'valibot'
import { Fault } from '../../../contract/fault.ts'
import type { Clock } from '../../../platform/clock.ts'
import { openChannel } from './frame-channel.ts'
import { encodeJson, type Frame } from './frame-encoding.ts'
import type { processSettings } from './supervisor-process.ts'
import { controlMessage, type FromServer, type FromSupervisor } from './supervisor-protocol.ts'
import { NO_STRAYS } from './stray-processes.ts'
import { createSupervisor } from './supervisor.ts'

/** The server's way to its supervisor. */
export interface ServerLink {
  send(message: FromServer): void
  /** Leaves the supervisor to the next server, if it can outlive this one. */
  close(): void
}

export interface LinkEvents {
  receive(message: FromSupervisor): void
  /** Called once, whoever ended it. */
  closed(): void
}

export interface Supervision {
  /** Undefined where nobody is there. @throws Fault `config` for a socket that is not ours */
  find(events: LinkEvents): Promise<ServerLink | undefined>
  /** Begins one. `find` finds it from then on. @throws Fault `failed` */
  start(): Promise<void>
}

/** How long a new process may take to be ready. */
const START_MS = 20_000

export interface ProcessOptions {
  /** Starts this program as the supervisor. */
  command: readonly string[]
  /** Of the socket, which others must not reach: made with 0700. */
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
    // Nobody answers there: its owner was killed.
    rmSync(socket, { force: true })
    const child = Bun.spawn([...command], {
      stdin: 'pipe',
      stdout: 'pipe',
      stderr: 'ignore',
      env: {},
      cwd: '/',
      // A session of its own: what ends the server, or the terminal, does not end it.
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

/** A supervisor in this process, with which its tasks end: where there is nothing better. */
export function superviseHere({ clock, version }: { clock: Clock; version: string }): Supervision {
  let supervisor: ReturnType<typeof createSupervisor> | undefined
  return {
    find: async (events) => {
      const connection = supervisor?.connect({ send: events.receive, close: events.closed })
      // There is no next one here.
      const close = () => connection?.receive({ type: 'bye' })
      return connection && { send: connection.receive, close }
    },
    start: async () => {
      const onOver = () => (supervisor = undefined)
      supervisor = createSupervisor({ clock, version, strays: NO_STRAYS, waitMs: 0, onOver })
    },
  }
}

/** @throws Error for what no supervisor says */
function parseFrame(frame: Frame): FromSupervisor {
  return frame.kind === 'output' ? frame.message : v.parse(controlMessage, frame.value)
}

/** @throws Fault `config` where somebody else has put something there, or could. */
function isOurs(folder: string, socket: string): boolean {
  const [around, end] = [stat(folder), stat(socket)]
  if (!around || !end) return false
  const isPrivate = around.isDirectory() && (around.mode & 0o077) === 0
  const me = process.getuid?.()
  if (isPrivate && end.isSocket() && around.uid === me && end.uid === me) return true
  throw new Fault('config', `${folder} is not a private folder of this server's user`, {
    hint: 'remove it: it is made anew',
  })
}

function stat(path: string) {
  return lstatSync(path, { throwIfNoEntry: false })
}
