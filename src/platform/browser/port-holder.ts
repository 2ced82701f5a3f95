import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { safeLine } from '../terminal/printable-text.ts'

/** Who listens on a port, where the system tells: on Linux, and there for processes that we may look at. */
export interface PortHolder {
  pid: number
  /** The program's short name, fit for a message. */
  name: string
}

/** The state of a socket that listens (`include/net/tcp_states.h`). */
const LISTEN = '0A'
/** A machine with more processes than this is not searched to the end. */
const MAX_PROCESSES = 20_000

/**
 * Who holds `ports`, best effort: a port is missing from the answer where nobody tells. Never throws.
 * @param proc where the process file system is mounted.
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

// Processes end while we look, and others' are closed to us: what cannot be read is not there.

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
