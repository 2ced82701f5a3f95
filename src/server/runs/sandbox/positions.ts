/**
 * Where in the TypeScript source a place in the stripped code comes from. Stripping keeps all words of the code
 * in order, so the n-th `Error` of one is the n-th of the other, as long as both have the same number of them.
 * Where no word of the line can tell, the answer is undefined: no position is better than a wrong one.
 */
export function sourcePosition(
  source: string,
  code: string,
  at: { line: number; column: number },
): { line: number; column?: number } | undefined {
  if (source === code) return at
  const text = code.split('\n')[at.line - 1]
  if (text === undefined) return undefined
  const lineStart =
    code
      .split('\n')
      .slice(0, at.line - 1)
      .join('\n').length + (at.line > 1 ? 1 : 0)
  const words = [...text.matchAll(WORD)].map((match) => ({ word: match[0], index: match.index }))
  // The word at the position itself gives the column too; any other of the line gives the line.
  const exact = words.find(({ index }) => index === at.column - 1)
  for (const { word, index } of exact ? [exact, ...words] : words) {
    const found = sameWord(source, code, word, lineStart + index)
    if (found === undefined) continue
    const before = source.slice(0, found)
    const line = before.split('\n').length
    if (index !== at.column - 1) return { line }
    return { line, column: found - before.lastIndexOf('\n') }
  }
  return undefined
}

const WORD = /[\p{ID_Start}$_][\p{ID_Continue}$]*/gu

function sameWord(source: string, code: string, word: string, offset: number): number | undefined {
  const inCode = occurrences(code, word)
  const inSource = occurrences(source, word)
  return inCode.length === inSource.length ? inSource[inCode.indexOf(offset)] : undefined
}

function occurrences(text: string, word: string): number[] {
  return [...text.matchAll(WORD)].filter((match) => match[0] === word).map((match) => match.index)
}
