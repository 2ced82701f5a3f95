import type { LogPiece } from '../runs/log-page.ts'
import { plain } from '../web/log-text.ts'

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
  for (const line of lines) line.text = plain(line.text.replace(/\r?\n$/, ''))
  return lines
}
