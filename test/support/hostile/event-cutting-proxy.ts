/** A proxy that cuts the connections of event streams. */
import { connect, createServer, type Socket } from 'node:net'

export interface CuttingProxy {
  url: string
  /** Connections that carried events and were cut. */
  cuts(): number
  stop(): Promise<void>
}

/**
 * Stands before a server and passes bytes on, but cuts each connection on which events come after as many
 * bytes of the answer as `lengths` says next: in the middle of a head, a chunk, an event or a letter. When they
 * are used up it cuts no more.
 */
export async function startCuttingProxy(target: string, lengths: readonly number[]): Promise<CuttingProxy> {
  const { hostname, port } = new URL(target)
  const sockets = new Set<Socket>()
  const left = [...lengths]
  let cuts = 0

  const server = createServer((client) => {
    const upstream = connect(Number(port), hostname)
    /** Bytes of the answer that still pass; undefined: all. */
    let passing: number | undefined
    const end = () => {
      client.destroy()
      upstream.destroy()
    }
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', end)
      socket.on('close', () => {
        sockets.delete(socket)
        end()
      })
    }
    client.on('data', (data: Buffer) => {
      const [, path] = /^[A-Z]+ (\S+) HTTP/.exec(data.toString('latin1')) ?? []
      if (path !== undefined) passing = path.endsWith('/events') ? left.shift() : undefined
      upstream.write(data)
    })
    upstream.on('data', (data: Buffer) => {
      const part = passing === undefined ? data : data.subarray(0, passing)
      if (passing !== undefined) passing -= part.length
      if (passing === 0) {
        cuts += 1
        client.write(part, end)
        upstream.pause()
      } else {
        client.write(part)
      }
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return {
    url: `http://127.0.0.1:${address.port}`,
    cuts: () => cuts,
    stop: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
