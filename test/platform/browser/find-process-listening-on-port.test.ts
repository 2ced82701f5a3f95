/** The process that holds a port, with its name made safe for the terminal. */
import { describe, expect, test } from 'bun:test'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { portHolders } from '../../../src/platform/browser/find-process-listening-on-port.ts'
import { temporaryFolder } from '../../support/temporary.ts'

const HEADER =
  '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode'
const row = (port: number, state: string, inode: number) =>
  `   0: 0100007F:${port.toString(16).toUpperCase()} 00000000:0000 ${state} 00000000:00000000 00:00000000 00000000  1000        0 ${inode} 1`

/** A process file system in a folder. */
function proc(tcp: readonly string[], sockets: Record<number, number[]>): string {
  const root = temporaryFolder()
  mkdirSync(join(root, 'net'))
  writeFileSync(join(root, 'net/tcp'), [HEADER, ...tcp, ''].join('\n'))
  for (const [pid, inodes] of Object.entries(sockets)) {
    mkdirSync(join(root, pid, 'fd'), { recursive: true })
    writeFileSync(join(root, pid, 'comm'), 'evil\u001b[2Jname\n')
    for (const [fd, inode] of inodes.entries())
      symlinkSync(`socket:[${inode}]`, join(root, pid, 'fd', `${fd}`))
  }
  return root
}

describe('portHolders', () => {
  test('S204: the process that listens, its name made safe', () => {
    const root = proc([row(8765, '0A', 111), row(8766, '01', 112)], { 42: [7, 111, 112] })
    expect(portHolders([8765, 8766], root)).toEqual(new Map([[8765, { pid: 42, name: 'evil\ufffd[2Jname' }]]))
  })

  test.each([
    ['another port', proc([row(8770, '0A', 111)], { 42: [111] })],
    ['a process that may not be looked at', proc([row(8765, '0A', 111)], {})],
    ['no process file system', '/nonexistent'],
  ])('%s: nobody tells, and nothing fails', (_, root) => {
    expect(portHolders([8765], root)).toEqual(new Map())
  })

  test.skipIf(process.platform !== 'linux')('S204: a real listener of this process', () => {
    const server = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: () => new Response() })
    const port = server.port ?? 0
    expect(portHolders([port]).get(port)?.pid).toBe(process.pid)
    void server.stop(true)
  })
})
