/**
 * The interface of host calls: what a script can call on the server, by the name of the method. Each response is
 * written to the run's journal before the script gets it, so a run that is continued gets the recorded responses, and
 * no call is made twice.
 */
export type HostCalls = Readonly<Record<string, HostCall>>

/**
 * @param params of the script, parsed from JSON: the call itself checks them
 * @returns a value for JSON, redacted where it could contain a secret
 * @throws Fault whose message reaches the script, redacted; the message of any other error does not
 */
type HostCall = (params: unknown, context: CallContext) => Promise<unknown>

export interface CallContext {
  /** 1, 2, 3 … in the order of the calls. A call has the same number when the run is replayed. */
  number: number
  /** Fires when the run ends. */
  signal: AbortSignal
}
