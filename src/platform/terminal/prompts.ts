/** Questions to a person at a terminal, on stderr. The only importer of @clack/prompts, which is loaded on demand. */

/** The outcome of a question. Without a terminal nothing is asked, and the caller decides. */
export type Answer<T> = { status: 'answered'; value: T } | { status: 'cancelled' } | { status: 'no_terminal' }

export interface PromptContext {
  /** False with `--no-input`, in CI, or where standard input or standard error is not a terminal. */
  interactive: boolean
  signal: AbortSignal
}

/** Standard error, with a size: a terminal in a container can have none, and nothing would fit on it. */
function screen(): NodeJS.WriteStream {
  const { stderr } = process
  if (!(stderr.columns > 0)) stderr.columns = 80
  if (!(stderr.rows > 0)) stderr.rows = 24
  return stderr
}

/** Asks a yes or no question; Enter selects `initial`. */
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

/** Asks for a value that is not shown while it is typed. */
export async function password(
  message: string,
  { interactive, signal }: PromptContext,
): Promise<Answer<string>> {
  if (!interactive) return { status: 'no_terminal' }
  const clack = await import('@clack/prompts')
  const value = await clack.password({ message, output: screen(), signal })
  return clack.isCancel(value) ? { status: 'cancelled' } : { status: 'answered', value }
}

/** Asks for one of several options; `label` is shown, `value` is returned. */
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
