/** Ports for servers that must know theirs before they start. */

const COUNT = 1000
/**
 * Below what systems hand out by themselves (RFC 6335 §6, and Linux from 32768 on), so that nothing takes one in
 * between; and each worker of `bun test --parallel` has a range of its own.
 */
const FIRST = 20_000 + (Number(process.env.BUN_TEST_WORKER_ID ?? 0) % 10) * COUNT

let next = Math.floor(Math.random() * COUNT)

/** A port of loopback that nobody listens on, and another one each time. @throws where there is none */
export function freePort(): number {
  for (let tries = 0; tries < COUNT; tries++) {
    const port = FIRST + (next++ % COUNT)
    if (isFree(port)) return port
  }
  throw new Error('no port is free')
}

function isFree(port: number): boolean {
  try {
    void Bun.serve({ hostname: '127.0.0.1', port, fetch: () => new Response() }).stop(true)
    return true
  } catch {
    return false
  }
}
