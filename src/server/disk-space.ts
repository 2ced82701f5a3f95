/**
 * Owns: whether the disk has room. A write that failed for want of room makes the server say so, until a write succeeds.
 * Refuses: to free anything by itself.
 */
import { closeSync, fsyncSync, openSync, rmSync, writeSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { isDiskFull } from '../platform/files/disk-full.ts'
import type { Clock } from '../platform/clock.ts'
import type { Log } from './log.ts'

/** What is said wherever the reason is a full disk. */
export const DISK_FULL = 'the disk of the server is full'
export const DISK_FULL_HINT =
  'make room on the disk that holds the data of the server; nothing has to be restarted'

export interface DiskSpace {
  /** Takes note of an error. @returns whether the reason is a full disk */
  note(error: unknown): boolean
  /** Whether nothing can be stored. Where that was so a moment ago, it is tried again. */
  isFull(): boolean
  /** The same, and where no write has failed yet, the free bytes are looked at. */
  look(): Promise<boolean>
  /** The bytes that are free, of the folder with the fewest; undefined where the system does not say. */
  freeBytes(): Promise<number | undefined>
  close(): void
}

/** How often the room is looked at, and a full disk is tried again. */
const LOOK_EVERY_MS = 5000
/** How seldom requests try a full disk again. */
const TRY_EVERY_MS = 1000
/** With less than this, the next transaction may fail. */
const MIN_FREE_BYTES = 1024 * 1024

/** @param folders where the server stores its data */
export function openDiskSpace({
  folders,
  clock,
  log,
}: {
  folders: readonly string[]
  clock: Clock
  log: Log
}): DiskSpace {
  let full = false
  let triedAt = 0

  function setFull(now: boolean): void {
    if (full === now) return
    full = now
    if (full) log.error('the disk is full: nothing can be stored', { data: folders.join(' ') })
    else log.info('the disk has room again')
  }

  function tryAgain(): void {
    const now = clock.now()
    if (now - triedAt < TRY_EVERY_MS && now >= triedAt) return
    triedAt = now
    if (folders.every(hasRoom)) setFull(false)
  }

  async function freeBytes(): Promise<number | undefined> {
    const found = await Promise.all(folders.map((folder) => freeBytesOf(folder)))
    const known = found.filter((bytes) => bytes !== undefined)
    return known.length === 0 ? undefined : Math.min(...known)
  }

  async function look(): Promise<boolean> {
    if (full) return isFull()
    const free = await freeBytes()
    if (free !== undefined && free < MIN_FREE_BYTES) setFull(true)
    return full
  }

  function isFull(): boolean {
    if (full) tryAgain()
    return full
  }

  const timer = setInterval(() => void look(), LOOK_EVERY_MS)
  timer.unref()
  return {
    note: (error) => {
      const isForWantOfRoom = isDiskFull(error)
      if (isForWantOfRoom) setFull(true)
      return isForWantOfRoom
    },
    isFull,
    look,
    freeBytes,
    close: () => clearInterval(timer),
  }
}

async function freeBytesOf(folder: string): Promise<number | undefined> {
  try {
    const { bavail, bsize } = await statfs(folder)
    return bavail * bsize
  } catch {
    return undefined
  }
}

/** Writes as much as the server wants to see free; counts a quota too, which `statfs` does not. */
function hasRoom(folder: string): boolean {
  const path = join(folder, `.room-${process.pid}`)
  try {
    const file = openSync(path, 'w', 0o600)
    try {
      const chunk = Buffer.alloc(256 * 1024)
      for (let written = 0; written < MIN_FREE_BYTES;) written += writeSync(file, chunk)
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
    return true
  } catch {
    return false
  } finally {
    rmSync(path, { force: true })
  }
}
