/** The standard streams of the process, as an object that tests replace. */
import { write as writeAsync, writeSync } from 'node:fs'
import type * as Tty from 'node:tty'
import { type Lines, readLines } from './read-lines.ts'

/** Standard output cannot be written to; the message is the system's reason. */
export class OutputError extends Error {}

export interface Output {
  isTerminal: boolean
  /** Width in columns; 80 where it is unknown. */
  columns: number
  /** @throws OutputError if this is standard output and cannot be written to, such as a file on a full disk */
  write(text: string): void
}

/** Standard output, also for a program that reads it slowly. */
interface DataOutput extends Output {
  /**
   * Resolves when the reader has taken the text, and holds nothing up meanwhile. One call at a time.
   * @throws OutputError where it cannot be written to, or nobody reads it any more
   */
  send(text: string): Promise<void>
}

interface Input {
  isTerminal: boolean
  /** Everything until the end; null where there is more than `limitBytes`. */
  readAll(limitBytes: number): Promise<Uint8Array | null>
  /** Line by line; at a terminal, what is pasted at once is one. Nothing is read before the first line is asked for. */
  lines(): Lines
  /** The bytes as they come; the next ones are read when these are taken. */
  chunks(): AsyncIterable<Uint8Array>
}

export interface Io {
  stdin: Input
  stdout: DataOutput
  stderr: Output
}

/**
 * The process's own streams. Writes are synchronous, so nothing is lost when the process exits. Whether a
 * stream is a terminal is asked when somebody wants to know: `node:tty` takes 3 ms to load and
 * `process.stdin` 10 ms, which is more than the rest of `fob auth token` together.
 */
export function processIo(): Io {
  return {
    stdin: {
      get isTerminal() {
        return isTerminal(0)
      },
      readAll,
      lines: () => (isTerminal(0) ? terminalLines() : readLines(() => Bun.stdin.stream())),
      chunks: () => Bun.stdin.stream(),
    },
    stdout: Object.assign(output(1), { send: (text: string) => sendAll(1, Buffer.from(text)) }),
    stderr: output(2),
  }
}

/** Loaded for the first line: no command but a login reads one. */
function terminalLines(): Lines {
  let lines: Lines | undefined
  const opened = async () => {
    const { processTerminal, rawTerminalLines } = await import('./read-answers-in-raw-mode.ts')
    const marksPastes = process.env.TERM !== 'dumb'
    return (lines ??= rawTerminalLines(processTerminal((text) => writeAll(2, encode(text)), marksPastes)))
  }
  return {
    ready: async () => (await opened()).ready(),
    next: async (signal) => (await opened()).next(signal),
    close: () => lines?.close(),
  }
}

function output(fd: 1 | 2): Output {
  return {
    get isTerminal() {
      return isTerminal(fd)
    },
    get columns() {
      return (fd === 1 ? process.stdout : process.stderr).columns || 80
    },
    write: (text) => writeAll(fd, encode(text)),
  }
}

function isTerminal(fd: 0 | 1 | 2): boolean {
  const { isatty }: typeof Tty = require('node:tty')
  return isatty(fd)
}

async function readAll(limitBytes: number): Promise<Uint8Array | null> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of Bun.stdin.stream()) {
    size += chunk.length
    if (size > limitBytes) return null
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/** A buffer for the log lines of one turn of the event loop, which a busy server would otherwise allocate each time. */
const SCRATCH_BYTES = 64 * 1024
let scratch: Buffer | undefined

/** UTF-8 bytes, valid until the next call. */
function encode(text: string): Buffer {
  // Most texts are short, and a UTF-16 unit takes up to three bytes.
  if (text.length < 1024 || text.length * 3 > SCRATCH_BYTES) return Buffer.from(text)
  scratch ??= Buffer.allocUnsafe(SCRATCH_BYTES)
  return scratch.subarray(0, scratch.write(text))
}

function writeAll(fd: 1 | 2, bytes: Buffer): void {
  let written = 0
  while (written < bytes.length) {
    try {
      written += writeSync(fd, bytes, written)
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code
      if (code === 'EAGAIN') Bun.sleepSync(1)
      // The reader is gone (`fob … | head`), or standard error cannot be written to: nobody can be told, and
      // nothing else has failed.
      else if (code === 'EPIPE' || fd === 2) return
      else throw new OutputError(systemReason(error), { cause: error })
    }
  }
}

/** A pipe that is full is waited for without blocking the process: its reader may want to be read from first. */
async function sendAll(fd: number, bytes: Buffer): Promise<void> {
  let written = 0
  while (written < bytes.length) {
    try {
      written += await writeSome(fd, bytes, written)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EAGAIN') await Bun.sleep(1)
      else throw new OutputError(systemReason(error), { cause: error })
    }
  }
}

function writeSome(fd: number, bytes: Buffer, from: number): Promise<number> {
  return new Promise((resolve, reject) => {
    writeAsync(fd, bytes, from, bytes.length - from, null, (error, count) => {
      if (error === null) resolve(count)
      else reject(error)
    })
  })
}

/** `no space left on device`, of `ENOSPC: no space left on device, write`. */
function systemReason(error: unknown): string {
  const { message } = error as NodeJS.ErrnoException
  return /^E[A-Z0-9]+: (.+), write$/.exec(message)?.[1] ?? message
}
