/** Questions to a person at a terminal, on stderr. The sole importer of @clack/prompts, and only when one is asked. */

/** What came of a question. Where there is no terminal, nothing is asked and the caller says what to do. */
export type Answer<T> = { status: 'answered'; value: T } | { status: 'cancelled' } | { status: 'no_terminal' }

export interface PromptContext {
  /** False with `--no-input`, in CI, or where standard input or standard error is no terminal. */
  interactive: boolean
  signal: AbortSignal
}

/** Standard error. A terminal can be without a size, as in a container, and nothing fits on that. */
function screen(): NodeJS.WriteStream {
  const { stderr } = process
  if (!(stderr.columns > 0)) stderr.columns = 80
  if (!(stderr.rows > 0)) stderr.rows = 24
  return stderr
}

/** A yes or no question; Enter means `initial`. */
export async function confirm(
  message: string,
  { interactive, signal }: PromptContext,
  initial = false,
): Promise<Answer<boolean>> {
  if (!interactive) return { status: 'no_terminal' }
  const clack = await import('@clack/prompts')
  const value = await clack.confirm({ message, initialValue: initial, output: screen(), signal })
  return clack.isCancel(value) ? { status: 'cancelled' } : { status: 'answered', value }
}

/** A value that is not shown while it is typed. */
export async function password(
  message: string,
  { interactive, signal }: PromptContext,
): Promise<Answer<string>> {
  if (!interactive) return { status: 'no_terminal' }
  const clack = await import('@clack/prompts')
  const value = await clack.password({ message, output: screen(), signal })
  return clack.isCancel(value) ? { status: 'cancelled' } : { status: 'answered', value }
}

/** One of several; each has a value and what is shown for it. */
export async function select(
  message: string,
  options: readonly { value: number; label: string }[],
  { interactive, signal }: PromptContext,
): Promise<Answer<number>> {
  if (!interactive) return { status: 'no_terminal' }
  const clack = await import('@clack/prompts')
  const value = await clack.select({ message, options: [...options], output: screen(), signal })
  return clack.isCancel(value) ? { status: 'cancelled' } : { status: 'answered', value }
}
