/** Why a task did not begin, in words for its log. */
export class CannotStart extends Error {
  readonly code: number

  constructor(code: number, message: string) {
    super(message)
    this.code = code
  }
}
