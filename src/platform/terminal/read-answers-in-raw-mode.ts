/** Answers from a person at a terminal in raw mode: in its own mode a terminal cuts a line after 4,095 bytes. */
import { type EditorEvent, pasteEditor } from './paste-editor.ts'
import { type Lines, orAborted } from './read-lines.ts'

/** What arrives within this time of a line end belongs to the same paste, from a terminal that does not mark pastes. */
const TOGETHER_MS = 80

/** Bracketed paste: the terminal puts marks around what is pasted. */
const MARK_PASTES = '\u001b[?2004h'
const NO_MARKS = '\u001b[?2004l'

export interface RawTerminal {
  /** Switches the raw mode on; `take` is called with what arrives, and with undefined at the end. */
  enter(take: (bytes: Uint8Array | undefined) => void): void
  /** Leaves the terminal as it was found. Further calls do nothing. */
  leave(): void
  write(text: string): void
  /** What Ctrl-C and Ctrl-Z do in the terminal's own mode. `resumed` is called when the person returns. */
  interrupt(): void
  suspend(resumed: () => void): void
}

/** One answer at a time: a line that was typed, or all lines of a paste. */
export function rawTerminalLines(terminal: RawTerminal): Lines {
  const decoder = new TextDecoder()
  const editor = pasteEditor()
  const answers: (string | undefined)[] = []
  let wake: (() => void) | undefined
  let entered = false
  let soon: ReturnType<typeof setTimeout> | undefined

  const answer = (text: string | undefined) => {
    answers.push(text)
    wake?.()
  }
  const answerSoon = () => {
    clearTimeout(soon)
    soon = setTimeout(() => {
      soon = undefined
      terminal.write('\n')
      answer(editor.take())
    }, TOGETHER_MS)
  }
  const act = (event: EditorEvent) => {
    switch (event.kind) {
      case 'show':
        return terminal.write(event.text)
      case 'line_end':
        return answerSoon()
      case 'interrupt':
        return terminal.interrupt()
      case 'suspend':
        terminal.leave()
        return terminal.suspend(() => entered && terminal.enter(take))
      case 'end':
        return answer(undefined)
    }
  }
  const take = (bytes: Uint8Array | undefined) => {
    if (bytes === undefined) return answer(undefined)
    // More of the same paste: the line end before it is one inside the answer.
    if (soon !== undefined) answerSoon()
    for (const event of editor.feed(decoder.decode(bytes, { stream: true }))) act(event)
  }
  const start = () => {
    if (entered) return
    entered = true
    terminal.enter(take)
  }
  return {
    ready: async () => start(),
    next: async (signal) => {
      start()
      while (answers.length === 0) {
        const waiting = new Promise<void>((resolve) => (wake = resolve))
        await orAborted(waiting, signal)
      }
      // The end stays the end.
      return answers[0] === undefined ? undefined : answers.shift()
    },
    close: () => {
      entered = false
      clearTimeout(soon)
      terminal.leave()
    },
  }
}

/** The terminal of this process, which is standard input; what is shown goes to standard error. */
export function processTerminal(write: (text: string) => void, marksPastes: boolean): RawTerminal {
  const { stdin } = process
  let taking: ((bytes: Uint8Array) => void) | undefined
  let ending: (() => void) | undefined
  const leave = () => {
    if (taking === undefined || ending === undefined) return
    stdin.off('data', taking).off('end', ending).off('error', ending)
    taking = undefined
    stdin.setRawMode(false)
    stdin.pause()
    if (marksPastes) write(NO_MARKS)
  }
  return {
    enter: (take) => {
      taking = take
      ending = () => take(undefined)
      stdin.setRawMode(true)
      // Also when a second Ctrl-C ends the process at once.
      process.once('exit', leave)
      if (marksPastes) write(MARK_PASTES)
      stdin.on('data', taking).on('end', ending).on('error', ending).resume()
    },
    leave,
    write,
    interrupt: () => void process.kill(process.pid, 'SIGINT'),
    suspend: (resumed) => {
      process.once('SIGCONT', resumed)
      process.kill(process.pid, 'SIGTSTP')
    },
  }
}
