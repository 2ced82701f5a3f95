/** A proxy on a Unix socket whose connections can be cut. */
import { rmSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'

/** A socket in front of another that can be cut: open connections break, new ones find nobody. */
export interface CutProxy {
  cut(): Promise<void>
  mend(): Promise<void>
}

export async function startCutProxy(path: string, target: string): Promise<CutProxy> {
  const open = new Set<Socket>()
  let server: Server | undefined

  function join(socket: Socket): void {
    const other = connect({ path: target, allowHalfOpen: true })
    for (const [from, to] of [
      [socket, other],
      [other, socket],
    ] as const) {
      open.add(from)
      from.on('error', () => to.destroy())
      from.on('close', () => {
        open.delete(from)
        to.destroy()
      })
      from.pipe(to)
    }
  }

  async function mend(): Promise<void> {
    server = createServer({ allowHalfOpen: true }, join)
    await new Promise<void>((resolve) => server?.listen(path, resolve))
  }

  async function cut(): Promise<void> {
    const closed = new Promise<void>((resolve) => server?.close(() => resolve()))
    for (const socket of open) socket.destroy()
    await closed
    rmSync(path, { force: true })
  }

  await mend()
  return { cut, mend }
}
