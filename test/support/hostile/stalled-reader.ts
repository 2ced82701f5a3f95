/** A reader of a response that reads nothing. */
import { connect } from 'node:net'

export interface StalledReader {
  /** Reads so many bytes, or a few more, and stops again. */
  take(bytes: number): Promise<void>
  /** Begins to read; resolves with all that comes once the server has ended the connection. */
  readOn(): Promise<string>
  destroy(): void
}

/** Asks for a path and then reads nothing. */
export async function stalledReader(url: string, path: string, headers = ''): Promise<StalledReader> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  // Nobody else minds that it is cut.
  socket.on('error', () => {})
  await new Promise((resolve) => socket.once('connect', resolve))
  socket.pause()
  socket.write(`GET ${path} HTTP/1.1\r\nhost: ${hostname}:${port}\r\n${headers}\r\n`)
  return {
    destroy: () => socket.destroy(),
    async take(bytes) {
      let left = bytes
      await new Promise<void>((resolve) => {
        const take = (chunk: Buffer) => {
          left -= chunk.length
          if (left > 0) return
          socket.pause()
          socket.off('data', take)
          resolve()
        }
        socket.on('data', take)
        socket.resume()
      })
    },
    async readOn() {
      const chunks: Buffer[] = []
      const closed = new Promise((resolve) => socket.once('close', resolve))
      socket.on('data', (chunk: Buffer) => void chunks.push(chunk))
      socket.resume()
      await closed
      return Buffer.concat(chunks).toString()
    },
  }
}
