/**
 * What a person types and pastes, made into answers: a line is one, and so is a paste, however many lines it has.
 * Knows nothing of streams: text goes in, and what to do comes out.
 */

/** Longer than any code; what follows is dropped, so that the answer is refused as too long. */
const MAX_CHARS = 64 * 1024 + 1
/** A longer run of text is shown by its beginning and its length. */
const MAX_SHOWN = 60
const SHOWN_OF_LONG = 32

const PASTE_BEGINS = '\u001b[200~'
const PASTE_ENDS = '\u001b[201~'

export type EditorEvent =
  /** To be shown at the terminal. */
  | { kind: 'show'; text: string }
  /** The line is complete, unless more of it arrives at once. */
  | { kind: 'line_end' }
  /** Ctrl-C. */
  | { kind: 'interrupt' }
  /** Ctrl-Z. */
  | { kind: 'suspend' }
  /** Ctrl-D where nothing was typed. */
  | { kind: 'end' }

export interface PasteEditor {
  feed(text: string): EditorEvent[]
  /** The answer so far, which is then forgotten: its lines without what is around them, joined. */
  take(): string
}

export function pasteEditor(): PasteEditor {
  /** What was typed or pasted at once: the backspace key takes back the last of it. */
  let pieces: string[] = []
  let length = 0
  /** Of a key or a mark that has arrived in part; in a paste, what may be a part of its end. */
  let rest = ''
  let pasting = false

  const add = (text: string) => {
    const cut = text.slice(0, Math.max(0, MAX_CHARS - length))
    if (cut === '') return
    pieces.push(cut)
    length += cut.length
  }

  /** In a paste every character is text. */
  const paste = (text: string): EditorEvent[] => {
    const end = text.indexOf(PASTE_ENDS)
    const kept = end >= 0 ? 0 : partOf(PASTE_ENDS, text)
    const body = text.slice(0, end >= 0 ? end : text.length - kept)
    rest = end >= 0 ? '' : text.slice(text.length - kept)
    add(body)
    const shown: EditorEvent[] = body === '' ? [] : [{ kind: 'show', text: shortForm(body) }]
    if (end < 0) return shown
    pasting = false
    // Where the line end was pasted with it, nobody has to press Enter.
    const done: EditorEvent[] = /[\r\n]\s*$/.test(body) ? [{ kind: 'line_end' }] : []
    return [...shown, ...done, ...typed(text.slice(end + PASTE_ENDS.length))]
  }

  const key = (text: string): { used: number; events: EditorEvent[] } => {
    switch (text.charAt(0)) {
      case '\u0003':
        return { used: 1, events: [{ kind: 'interrupt' }] }
      case '\u001a':
        return { used: 1, events: [{ kind: 'suspend' }] }
      case '\u0004':
        return { used: 1, events: length === 0 ? [{ kind: 'end' }] : [] }
      case '\r':
      case '\n':
        add('\n')
        return { used: 1, events: [{ kind: 'line_end' }] }
      case '\u007f':
      case '\b':
        return { used: 1, events: takeBack() }
      case '\u0015':
        pieces = []
        length = 0
        return { used: 1, events: [{ kind: 'show', text: '\r\u001b[K' }] }
      case '\u001b':
        return escape(text)
      default:
        return { used: 1, events: [] }
    }
  }

  const escape = (text: string): { used: number; events: EditorEvent[] } => {
    if (text.startsWith(PASTE_BEGINS)) {
      pasting = true
      return { used: PASTE_BEGINS.length, events: [] }
    }
    // oxlint-disable-next-line no-control-regex -- an arrow or function key is a control sequence
    const sequence = /^\u001b(?:\[[0-?]*[ -/]*[@-~]|O.|[^[O])/.exec(text)?.[0]
    return { used: sequence?.length ?? 0, events: [] }
  }

  const takeBack = (): EditorEvent[] => {
    const last = pieces.pop()
    if (last === undefined) return []
    length -= last.length
    const shown = last.length === 1 ? 1 : shortForm(last).length
    return [{ kind: 'show', text: '\b \b'.repeat(shown) }]
  }

  const typed = (text: string): EditorEvent[] => {
    const events: EditorEvent[] = []
    for (let at = 0; at < text.length;) {
      if (pasting) return [...events, ...paste(text.slice(at))]
      // oxlint-disable-next-line no-control-regex -- keys that are no text
      const run = /^[^\u0000-\u001f\u007f]+/.exec(text.slice(at))?.[0] ?? ''
      if (run !== '') {
        if (run.length > MAX_SHOWN) add(run)
        else for (const character of run) add(character)
        events.push({ kind: 'show', text: shortForm(run) })
        at += run.length
        continue
      }
      const { used, events: more } = key(text.slice(at))
      if (used === 0) {
        rest = text.slice(at)
        break
      }
      events.push(...more)
      at += used
    }
    return events
  }

  return {
    feed: (text) => {
      const whole = rest + text
      rest = ''
      return pasting ? paste(whole) : typed(whole)
    },
    take: () => {
      const lines = pieces.join('').split(/[\r\n]+/)
      pieces = []
      length = 0
      return lines.map((line) => line.trim()).join('')
    },
  }
}

/** How many characters at the end of `text` may be the start of `mark`. */
function partOf(mark: string, text: string): number {
  for (let size = Math.min(mark.length - 1, text.length); size > 0; size--) {
    if (text.endsWith(mark.slice(0, size))) return size
  }
  return 0
}

/** On one line, and short: a code of thousands of characters fills a screen and tells nothing. */
function shortForm(text: string): string {
  // oxlint-disable-next-line no-control-regex -- what is pasted must not drive the terminal
  const line = text.replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ').trimEnd()
  if (line.length <= MAX_SHOWN) return line
  return `${line.slice(0, SHOWN_OF_LONG)}… (${text.length.toLocaleString('en')} characters)`
}
