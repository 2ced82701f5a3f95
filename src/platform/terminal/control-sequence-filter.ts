/** A filter that makes a log safe for a terminal: nothing but text, line ends, tabs and colours passes. */

/** A task may print anything, and must not move the cursor, rename the window or paste. */
export interface TerminalFilter {
  /** Filters the next piece. Pieces may be cut anywhere: an unfinished sequence waits for the next piece. */
  push(text: string): string
}

/**
 * Where in a sequence we are (ECMA-48 §5, as in Williams' VT500 parser, but stricter): a control character
 * inside a sequence ends and drops it, so nothing can be assembled out of what is left.
 */
type State = 'text' | 'escape' | 'sequence' | 'string'

/** Parameters of a colour sequence; a longer sequence is dropped. */
const MAX_SEQUENCE = 64

/** Creates the filter of one stream. */
export function terminalFilter(): TerminalFilter {
  let state: State = 'text'
  /** The parameters of a control sequence so far. */
  let parameters = ''

  /** Advances by one character, and returns what it adds to the output. */
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
    // Other parameter and intermediate bytes: a sequence that is not a colour continues to its final byte.
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

/** C0, C1 and DEL, except tab and line ends. */
function isControl(char: string): boolean {
  const code = char.charCodeAt(0)
  return !isLineEnd(char) && char !== '\t' && (code < 0x20 || (code >= 0x7f && code <= 0x9f))
}

function isLineEnd(char: string): boolean {
  return char === '\n' || char === '\r'
}
