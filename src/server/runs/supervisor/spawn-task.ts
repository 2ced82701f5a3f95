/** Why a task did not begin, in words for its log. */
export class CannotStart extends Error {
  readonly code: number

  constructor(code: number, message: string) {
    super(message)
    this.code = code
  }
}

type SpawnOptions = Bun.SpawnOptions.OptionsObject<'ignore' | Uint8Array<ArrayBuffer>, 'pipe', 'pipe'>

/** @throws CannotStart naming `argv0` */
export function spawn(command: string[], options: SpawnOptions) {
  try {
    return Bun.spawn(command, options)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    const name = options.argv0 ?? ''
    if (code === 'ENOENT' || code === 'ENOTDIR') throw new CannotStart(127, `${name}: no such file`)
    if (code === 'EACCES') throw new CannotStart(126, `${name}: permission denied`)
    if (code === 'E2BIG') throw new CannotStart(126, `${name}: arguments and environment are too long`)
    if (code === 'ENOEXEC') throw new CannotStart(126, `${name}: not a program`)
    throw new CannotStart(126, `${name}: cannot be started`)
  }
}
