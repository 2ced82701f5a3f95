/**
 * What a script can ask of the server, by the name of the method. Each answer is written to the run's journal
 * before the script gets it: a run that is taken up again is given the recorded answers and none is asked twice.
 */
export type HostCalls = Readonly<Record<string, HostCall>>

/**
 * @param params what the script gave, as JSON brought it: checked by the call itself.
 * @returns the answer, as something JSON can say; it has been through the run's redactor where it could hold a
 * secret. A `Fault`'s message reaches the script, once redacted; no other error's does.
 */
export type HostCall = (params: unknown, context: CallContext) => Promise<unknown>

export interface CallContext {
  /** 1, 2, 3 … in the order in which the script asked. The same call has the same number when a run is replayed. */
  number: number
  /** Fires when the run ends. */
  signal: AbortSignal
}
