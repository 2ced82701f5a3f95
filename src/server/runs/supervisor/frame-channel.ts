/** Whole frames over a socket between the server and the supervisor. */
import type { Socket } from 'node:net'
import { createFrames, type Frame } from './frame-encoding.ts'

/** A socket that carries whole frames. Bytes that are not a frame, or a frame that `take` refuses, close it. */
export interface Channel {
  /** @param parts of a frame, one after the other */
  send(...parts: Uint8Array[]): void
  /** Closes after everything has been sent. */
  close(): void
  /** Closes at once. */
  drop(): void
}

export interface ChannelEvents {
  /** @throws Error for a message that the other end never sends */
  take(frame: Frame): void
  /** Called once, whichever end closed it. */
  closed(): void
}

export function openChannel(socket: Socket, { take, closed }: ChannelEvents): Channel {
  const cut = createFrames()
  socket.on('data', (chunk: Uint8Array) => {
    try {
      for (const frame of cut(chunk)) take(frame)
    } catch {
      socket.destroy()
    }
  })
  // `close` follows and reports it.
  socket.on('error', () => {})
  socket.on('close', closed)
  return {
    send: (...parts) => {
      for (const part of parts) socket.write(part)
    },
    close: () => void socket.end(),
    drop: () => void socket.destroy(),
  }
}
