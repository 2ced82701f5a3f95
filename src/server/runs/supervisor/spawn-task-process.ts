/** Starts the process of a task; a failure to start becomes a message for the log of the task. */
import { StartFailure } from '../drivers/task-start-failure.ts'

type SpawnOptions = Bun.SpawnOptions.OptionsObject<'ignore' | Uint8Array<ArrayBuffer>, 'pipe', 'pipe'>

/** @throws StartFailure naming `argv0` */
export function spawn(command: string[], options: SpawnOptions) {
  try {
    return Bun.spawn(command, options)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    const name = options.argv0 ?? ''
    if (code === 'ENOENT' || code === 'ENOTDIR') throw new StartFailure(127, `${name}: no such file`)
    if (code === 'EACCES') throw new StartFailure(126, `${name}: permission denied`)
    if (code === 'E2BIG') throw new StartFailure(126, `${name}: arguments and environment are too long`)
    if (code === 'ENOEXEC') throw new StartFailure(126, `${name}: not a program`)
    throw new StartFailure(126, `${name}: cannot be started`)
  }
}
