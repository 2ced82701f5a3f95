/** A filter that makes a log safe for a terminal: nothing but text, line ends, tabs and colours passes. */

/**
 * A task may print anything, and must not move the cursor, rename the window or paste. What would let text be written
 * over, or be read in another order than it has, is made visible: a return to the first column, and direction marks.
 */
export interface TerminalFilter {
  /**
   * Filters the next piece. Pieces may be cut anywhere: an unfinished sequence, and a carriage return that may be a part
   * of a line end, wait for the next piece.
   */
  push(text: string): string
  /** The colour sequences in force behind what was pushed: written again, they continue it. */
  style(): string
}

/** What ends every colour, and text that is concealed (ECMA-48 §8.3.117). */
export const RESET = '\u001b[0m'
/** A longer style is of many sequences without a reset between them; the last ones count. */
const MAX_STYLE = 512
/** Unicode TR9 §2: marks, embeddings, overrides and isolates. */
const DIRECTIONS = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g
/** What a lone carriage return is shown as; what follows it stands on a line of its own. */
const VISIBLE_RETURN = '\u240d\n'

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
  let style = ''
  /** Whether a carriage return waits for what follows it. */
  let returns = false

  function colour(sequence: string): string {
    // Parameters may mean more than they look like (`38;5;0`): only a reset alone is taken for one.
    if (/^0*$/.test(parameters)) style = ''
    else style = `${style}${sequence}`.slice(-MAX_STYLE)
    // A sequence that was cut in two is none.
    style = style.slice(Math.max(0, style.indexOf('\u001b')))
    return sequence
  }

  function showReturns(text: string): string {
    const all = returns ? `\r${text}` : text
    if (!all.includes('\r')) return all
    const whole = all.replace(/\r+$/, '')
    returns = whole.length < all.length
    return whole.replace(/\r+(\n?)/g, (_, end: string) => (end === '' ? VISIBLE_RETURN : '\r\n'))
  }

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
    if (char === 'm' && !parameters.startsWith('!')) return colour(`\u001b[${parameters}m`)
    return isLineEnd(char) ? char : ''
  }

  return {
    push(text) {
      let out = ''
      for (const char of text) out += step(char)
      return showReturns(out.replace(DIRECTIONS, visible))
    },
    style: () => style,
  }
}

/** `<U+202E>` */
function visible(char: string): string {
  return `<U+${char.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}>`
}

/** C0, C1 and DEL, except tab and line ends. */
function isControl(char: string): boolean {
  const code = char.charCodeAt(0)
  return !isLineEnd(char) && char !== '\t' && (code < 0x20 || (code >= 0x7f && code <= 0x9f))
}

function isLineEnd(char: string): boolean {
  return char === '\n' || char === '\r'
}
