/**
 * The load: GETs over keep-alive connections, each of which sends its next request when the answer to the one
 * before is whole. A process of its own, on bare sockets, so that it costs less than what it measures.
 *   load.ts PORT PATH SECONDS, the tokens to send in turn on stdin; prints a `Load`
 */
import * as v from 'valibot'

/** What one run of this program prints. */
export const load = v.object({ perSecond: v.number(), busy: v.number() })

const CONNECTIONS = 64
/** Not counted: new connections, cold code. */
const WARM_UP_MS = 250

if (import.meta.main) {
  const [port = '', path = '', seconds = ''] = process.argv.slice(2)
  const tokens = (await Bun.stdin.text()).split('\n').filter((line) => line !== '')
  const requests = (tokens.length === 0 ? [''] : tokens).map((token) =>
    Buffer.from(
      `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n` +
        `${token === '' ? '' : `Authorization: Bearer ${token}\r\n`}\r\n`,
    ),
  )
  console.log(JSON.stringify(await drive(Number(port), requests, Number(seconds) * 1000)))
  process.exit(0)
}

/** @returns answers per second, and which part of one core this took */
async function drive(
  port: number,
  requests: readonly Buffer[],
  ms: number,
): Promise<v.InferOutput<typeof load>> {
  const length = await lengthOfAnswer(port, requests[0] ?? Buffer.alloc(0))
  let answers = 0
  let next = 0
  const send = (socket: Bun.Socket<{ pending: number }>) => {
    socket.data.pending = length
    socket.write(requests[next++ % requests.length] ?? '')
  }
  for (let i = 0; i < CONNECTIONS; i++) {
    await Bun.connect<{ pending: number }>({
      hostname: '127.0.0.1',
      port,
      data: { pending: 0 },
      socket: {
        open: send,
        data(socket, bytes) {
          if (socket.data.pending === length) requireSuccess(bytes)
          socket.data.pending -= bytes.length
          if (socket.data.pending < 0) throw new Error('an answer was longer than the first one')
          if (socket.data.pending > 0) return
          answers++
          send(socket)
        },
        close: () => {
          throw new Error('the server closed a connection')
        },
      },
    })
  }
  await Bun.sleep(WARM_UP_MS)
  const [before, cpu, started] = [answers, process.cpuUsage(), performance.now()]
  await Bun.sleep(ms)
  const elapsed = performance.now() - started
  const { user, system } = process.cpuUsage(cpu)
  return { perSecond: ((answers - before) * 1000) / elapsed, busy: (user + system) / 1000 / elapsed }
}

/** All answers of one subject are as long as its first, head included. */
function lengthOfAnswer(port: number, request: Buffer): Promise<number> {
  return new Promise((resolve, reject) => {
    let text = ''
    Bun.connect({
      hostname: '127.0.0.1',
      port,
      socket: {
        open: (socket) => void socket.write(request),
        data(socket, bytes) {
          text += bytes.toString('latin1')
          const [head, body] = text.split('\r\n\r\n')
          const declared = /^content-length: (\d+)$/im.exec(head ?? '')?.[1]
          if (body?.length !== Number(declared)) return
          requireSuccess(bytes)
          resolve(text.length)
          socket.end()
        },
      },
    }).catch(reject)
  })
}

function requireSuccess(bytes: Buffer): void {
  const line = bytes.toString('latin1', 0, 12)
  if (line !== 'HTTP/1.1 200') throw new Error(`an answer began with ${JSON.stringify(line)}`)
}
