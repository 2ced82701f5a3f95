import type { Socket } from 'node:net'
import { createFrames, type Frame } from './frame-encoding.ts'

/** Whole frames over a socket. What is no frame, or none that `take` accepts, ends it. */
export interface Channel {
  send(frame: Uint8Array): void
  /** Once all that was sent has gone. */
  close(): void
  /** At once. */
  drop(): void
}

export interface ChannelEvents {
  /** @throws Error for what the other end would never say */
  take(frame: Frame): void
  /** Called once, whoever ended it. */
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
  // What follows it is told by `close`.
  socket.on('error', () => {})
  socket.on('close', closed)
  return {
    send: (frame) => void socket.write(frame),
    close: () => void socket.end(),
    drop: () => void socket.destroy(),
  }
}
