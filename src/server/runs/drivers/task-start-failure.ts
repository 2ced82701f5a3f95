/** Why a task could not be started: the exit code that a shell would give, and a message for the log of the task. */
export class StartFailure extends Error {
  readonly code: number

  constructor(code: number, message: string) {
    super(message)
    this.code = code
  }
}
