/**
 * Makes a log fit for a terminal: text, line ends, tabs and colours pass; every other control sequence is
 * dropped, because a task may print anything and must not move the cursor, rename the window or paste.
 */
export interface TerminalFilter {
  /** Pieces may be cut anywhere; an unfinished sequence waits for the next one. */
  push(text: string): string
}

// oxlint-disable no-control-regex -- control characters are what these look for

/** CSI … m (SGR, ECMA-48 §8.3.117), and nothing else that begins with ESC. */
const SEQUENCE =
  /\u001b(?:\[[0-9;:?>=<!]*[ -/]*[@-~]|[\]PX^_][^\u0007\u001b]*(?:\u0007|\u001b\\)|[^[\]PX^_])/g
const UNFINISHED = /\u001b(?:\[[0-9;:?>=<!]*[ -/]*|[\]PX^_][^\u0007\u001b]*\u001b?)?$/
const CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001a\u001c-\u001f\u007f-\u009f]/g
const COLOUR = /^\u001b\[[0-9;:]*m$/

/** An unfinished sequence longer than this is not one. */
const MAX_PENDING = 4096

export function terminalFilter(): TerminalFilter {
  let pending = ''
  return {
    push(text) {
      const all = pending + text
      const cut = UNFINISHED.exec(all)?.index ?? all.length
      pending = all.slice(cut)
      if (pending.length > MAX_PENDING) pending = ''
      const kept = all.slice(0, cut).replace(SEQUENCE, (sequence) => (COLOUR.test(sequence) ? sequence : ''))
      return kept.replace(CONTROL, '')
    },
  }
}
