/** The process that runs native tasks (`fob __tasks`): its socket, its signals and its exit. */
import { rmSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import * as v from 'valibot'
import { systemClock } from '../../../platform/clock.ts'
import { hideFromSameUser } from '../../../platform/processes/hide-from-same-user.ts'
import { adoptOrphans } from '../../../platform/processes/adopt-orphans.ts'
import { openChannel } from './frame-channel.ts'
import { encodeJson, encodeOutput, type Frame } from './frame-encoding.ts'
import { type FromServer, fromServer, type FromSupervisor } from './supervisor-protocol.ts'
import { createStrays, NO_STRAYS } from './kill-stray-processes.ts'
import { createSupervisor, type Supervisor } from './supervisor.ts'

/** The settings that the server writes to standard input. */
export const processSettings = v.object({ socket: v.string(), version: v.string(), waitMs: v.number() })

/** Written to standard output once a server can connect. */
const READY = 'ready\n'

/** How long the server that started this process may take to connect. */
const FIRST_MS = 30_000

/**
 * Runs the process of the tasks, which the server starts as the hidden command `__tasks`. It has no environment and no
 * terminal, keeps running when the server is killed, and ends when there is nothing left to do.
 */
export async function runTasksProcess(): Promise<void> {
  hideFromSameUser()
  const { socket, version, waitMs } = v.parse(processSettings, JSON.parse(await Bun.stdin.text()))
  const orphans = adoptOrphans()
  const strays = orphans ? createStrays(orphans, systemClock) : NO_STRAYS
  const over = Promise.withResolvers<void>()
  const supervisor = createSupervisor({
    clock: systemClock,
    version,
    strays,
    waitMs,
    onOver: () => over.resolve(),
  })
  // The server gets these signals too, and first records what has to be recorded.
  for (const signal of ['SIGINT', 'SIGHUP'] as const) process.on(signal, () => {})
  process.on('SIGTERM', () => supervisor.terminate())
  const first = setTimeout(() => supervisor.terminate(), FIRST_MS)
  const listener = createServer((connection) => {
    clearTimeout(first)
    serve(connection, supervisor)
  })
  await listen(listener, socket)
  process.stdout.write(READY)
  await over.promise
  rmSync(socket, { force: true })
  process.exit(0)
}

function serve(socket: Socket, supervisor: Supervisor): void {
  const channel = openChannel(socket, {
    take: (frame) => connection.receive(parseFrame(frame)),
    closed: () => connection.closed(),
  })
  const connection = supervisor.connect({
    send: (message) => channel.send(...encode(message)),
    close: channel.close,
  })
}

/** @throws Error for a frame that no server sends */
function parseFrame(frame: Frame): FromServer {
  if (frame.kind !== 'json') throw new Error('output comes from tasks only')
  return v.parse(fromServer, frame.value)
}

function encode(message: FromSupervisor): Uint8Array[] {
  return message.type === 'output' ? encodeOutput(message) : [encodeJson(message)]
}

/** The socket is closed to other users, as its folder is. */
async function listen(listener: ReturnType<typeof createServer>, path: string): Promise<void> {
  const before = process.umask(0o077)
  await new Promise<void>((resolve, reject) => {
    listener.once('error', reject)
    listener.listen(path, resolve)
  })
  // Tasks inherit the umask.
  process.umask(before)
}
