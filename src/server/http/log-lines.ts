import type { LogPiece } from '../runs/log-page.ts'

export interface LogLine {
  task: string | undefined
  stream: 'stdout' | 'stderr'
  text: string
}

/**
 * Pieces of output as lines of plain text. Tasks print side by side, so each stream has its own line under way,
 * which stands where it began. Colours and all that moves a terminal's cursor is taken out; of a line that was
 * written over, the last state remains.
 */
export function toLines(pieces: readonly LogPiece[]): LogLine[] {
  const lines: LogLine[] = []
  const open = new Map<string, LogLine>()
  for (const { task, number, stream, data } of pieces) {
    const key = `${stream} ${number ?? ''} ${task ?? ''}`
    for (const part of data.split(/(?<=\n)/)) {
      const line = open.get(key) ?? { task, stream, text: '' }
      if (!open.has(key)) lines.push(line)
      line.text += part
      if (part.endsWith('\n')) open.delete(key)
      else open.set(key, line)
    }
  }
  for (const line of lines) line.text = plain(line.text)
  return lines
}

/* oxlint-disable-next-line no-control-regex -- ECMA-48 §5.4 and §5.6: control sequences and strings */
const SEQUENCE = /\u001b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_].*?(?:\u0007|\u001b\\|$)|[ -/]*[0-~])/gs
/* oxlint-disable-next-line no-control-regex -- what would do something other than stand there */
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g

function plain(line: string): string {
  const shown = line.replace(/\r?\n$/, '').replaceAll(SEQUENCE, '')
  return shown.slice(shown.lastIndexOf('\r') + 1).replaceAll(CONTROL, '')
}
