/**
 * Makes a log fit for a terminal: text, line ends, tabs and colours pass; every other control sequence is
 * dropped, because a task may print anything and must not move the cursor, rename the window or paste.
 */
export interface TerminalFilter {
  /** Pieces may be cut anywhere; an unfinished sequence waits for the next one. */
  push(text: string): string
}

/**
 * Where in a sequence we are (ECMA-48 §5, as in Williams' VT500 parser, but stricter): a control character
 * inside a sequence ends and drops it, so nothing can be assembled out of what is left.
 */
type State = 'text' | 'escape' | 'sequence' | 'string'

/** A colour sequence longer than this is none. */
const MAX_SEQUENCE = 64

export function terminalFilter(): TerminalFilter {
  let state: State = 'text'
  /** The parameters of a control sequence so far. */
  let parameters = ''

  /** What `char` adds to the output. */
  function step(char: string): string {
    if (char === '\u001b') {
      state = 'escape'
      return ''
    }
    if (state === 'text') return isControl(char) ? '' : char
    if (state === 'string') {
      // OSC, DCS, APC, PM, SOS: up to BEL or ST (ESC \, whose "\" the escape state swallows).
      if (char === '\u0007' || char === '\u009c') state = 'text'
      return ''
    }
    if (state === 'escape') {
      state = char === '[' ? 'sequence' : ']PX^_'.includes(char) ? 'string' : 'text'
      parameters = ''
      return state === 'text' && isLineEnd(char) ? char : ''
    }
    if (/[0-9;:]/.test(char) && parameters.length < MAX_SEQUENCE) {
      parameters += char
      return ''
    }
    // Other parameter and intermediate bytes: a sequence that is no colour goes on to its final byte.
    if (/[\u0020-\u003f]/.test(char)) {
      parameters = '!'
      return ''
    }
    state = 'text'
    // SGR (ECMA-48 §8.3.117) is the one sequence that passes, whole.
    if (char === 'm' && !parameters.startsWith('!')) return `\u001b[${parameters}m`
    return isLineEnd(char) ? char : ''
  }

  return {
    push(text) {
      let out = ''
      for (const char of text) out += step(char)
      return out
    },
  }
}

/** C0 and C1 but for tab and line ends, and DEL. */
function isControl(char: string): boolean {
  const code = char.charCodeAt(0)
  return !isLineEnd(char) && char !== '\t' && (code < 0x20 || (code >= 0x7f && code <= 0x9f))
}

function isLineEnd(char: string): boolean {
  return char === '\n' || char === '\r'
}
