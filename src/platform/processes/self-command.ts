/** The command line that starts fob again: the executable itself, or Bun with our source. */
export function selfCommand(): string[] {
  const entry = Bun.main
  return entry.startsWith('/$bunfs/') || entry.includes('~BUN')
    ? [process.execPath]
    : [process.execPath, entry]
}
