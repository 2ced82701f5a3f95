/** How long a server takes for JWTs that it has never seen, and how much memory it holds afterwards. */
import { readFileSync } from 'node:fs'
import type { Server } from './servers.ts'

const AT_ONCE = 16

/** Sends each token once. @returns how many a minute, and the resident memory of the server in MiB */
export async function sendEach(
  { port, process: { pid } }: Server,
  path: string,
  tokens: readonly string[],
): Promise<{ perMinute: number; residentMib: number }> {
  const started = performance.now()
  const rest = tokens.values()
  const worker = async () => {
    for (const token of rest) {
      const response = await fetch(`http://127.0.0.1:${port}${path}`, {
        headers: { authorization: `Bearer ${token}` },
      })
      if (!response.ok) throw new Error(`a JWT was answered with ${response.status}`)
      await response.arrayBuffer()
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
  const minutes = (performance.now() - started) / 60_000
  const pages = readFileSync(`/proc/${pid}/status`, 'utf8')
  const kib = Number(/^VmRSS:\s+(\d+) kB$/m.exec(pages)?.[1])
  return { perMinute: tokens.length / minutes, residentMib: kib / 1024 }
}
