/** Which process listens on a port: on Linux, for processes that this user may inspect. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { safeLine } from '../terminal/make-text-printable.ts'

export interface PortHolder {
  pid: number
  /** The program's short name, safe to print. */
  name: string
}

/** The state of a listening socket (`include/net/tcp_states.h`). */
const LISTEN = '0A'
/** No more processes are searched. */
const MAX_PROCESSES = 20_000

/**
 * The processes that listen on `ports`, by port. A port whose process is not known is left out. Never throws.
 * @param proc where the process file system is mounted
 */
export function portHolders(ports: readonly number[], proc = '/proc'): Map<number, PortHolder> {
  const holders = new Map<number, PortHolder>()
  const portOf = listeners(ports, proc)
  if (portOf.size === 0) return holders
  for (const pid of processes(proc)) {
    for (const inode of sockets(join(proc, pid, 'fd'))) {
      const port = portOf.get(inode)
      if (port !== undefined && !holders.has(port)) {
        holders.set(port, { pid: Number(pid), name: nameOf(join(proc, pid)) })
      }
    }
    if (holders.size === ports.length) break
  }
  return holders
}

/** Inode of each listening socket → its port (proc(5), `/proc/net/tcp`). */
function listeners(ports: readonly number[], proc: string): Map<string, number> {
  const portOf = new Map<string, number>()
  for (const table of ['tcp', 'tcp6']) {
    for (const line of read(join(proc, 'net', table)).split('\n')) {
      const [, local = '', , state, , , , , , inode = ''] = line.trim().split(/\s+/)
      const port = Number.parseInt(local.slice(local.lastIndexOf(':') + 1), 16)
      if (state === LISTEN && ports.includes(port)) portOf.set(inode, port)
    }
  }
  return portOf
}

function processes(proc: string): string[] {
  return list(proc)
    .filter((name) => /^\d+$/.test(name))
    .slice(0, MAX_PROCESSES)
}

function sockets(folder: string): string[] {
  return list(folder).flatMap((fd) => {
    const inode = /^socket:\[(\d+)\]$/.exec(target(join(folder, fd)))?.[1]
    return inode === undefined ? [] : [inode]
  })
}

function nameOf(folder: string): string {
  const name = safeLine(read(join(folder, 'comm')), 40)
  return name === '' ? 'a program' : name
}

// Processes end during the search, and those of other users are closed to us: what cannot be read counts as empty.

function list(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

function target(link: string): string {
  try {
    return readlinkSync(link)
  } catch {
    return ''
  }
}
